#include "core/engine/generate.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>

#include <ATen/ATen.h>

#include "core/engine/ngram_draft.h"
#include "core/engine/sampler.h"
#include "core/engine/text_stream.h"
#include "core/nn/decoder.h"

namespace attune {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxBatch = 64; // beyond, products gain nothing more
constexpr std::int64_t kRoomAtFirst = 512; // new tokens that caches have room for at once; most answers are shorter

Status checkSampling(const Sampling& sampling) {
    const auto bad = [](const char* what) {
        return fail(ErrorCode::InvalidArgument, std::string(what), "Change this setting.");
    };
    if (!(sampling.temperature >= 0))
        return bad("The temperature must be 0 or more");
    if (!(sampling.topP > 0 && sampling.topP <= 1))
        return bad("top-p must be above 0 and at most 1");
    if (sampling.topK < 0)
        return bad("top-k must be 0 (off) or more");
    if (!(sampling.repetitionPenalty > 0))
        return bad("The repetition penalty must be above 0");
    if (sampling.maxTokens < 0)
        return bad("The number of tokens to generate must be 0 or more");
    return {};
}

// A prompt's own stream of random numbers: from its ids and, for repeated prompts, which repetition it is.
std::vector<std::uint64_t> randomStreams(const std::vector<std::vector<std::int64_t>>& prompts) {
    std::map<std::vector<std::int64_t>, std::uint64_t> repetitions;
    std::vector<std::uint64_t> streams;
    for (const auto& prompt : prompts) {
        const std::uint64_t repetition = repetitions[prompt]++;
        const std::string hash =
            hashBytes({reinterpret_cast<const char*>(prompt.data()), prompt.size() * sizeof(prompt[0])});
        std::uint64_t value = 0;
        std::from_chars(hash.data(), hash.data() + 16, value, 16);
        streams.push_back(value + repetition * 0x9E3779B97F4A7C15u);
    }
    return streams;
}

struct Answer {
    std::size_t index; // of the prompt
    Sampler sampler;
    TextStream stream;
    GeneratedText result = {};
    const std::vector<std::int64_t>* prompt = nullptr;
    std::unique_ptr<NgramDraft> draft = {};  // while tokens are guessed
    std::vector<std::int64_t> proposed = {}; // behind the others in the decoder, not known to be right yet
    std::int64_t length = 0;                 // tokens in the decoder without the proposed ones
};

class Batch {
public:
    Batch(const LoadedModel& model, const GenerateOptions& options, const Emit& emit, Clock::time_point started)
        : m_model(model), m_options(options), m_emit(emit), m_started(started), m_decoder(*model.model, options.eightBit ? DecodePrecision::EightBit : DecodePrecision::AsStored),
          m_stopIds(model.format.stopIds().begin(), model.format.stopIds().end()) {}

    Status run(const std::vector<std::vector<std::int64_t>>& prompts, std::vector<Answer>& answers,
               std::stop_token stop) {
        std::vector<Answer*> live;
        for (std::size_t i = 0; i < answers.size(); ++i) {
            live.push_back(&answers[i]);
            answers[i].prompt = &prompts[i];
            answers[i].length = static_cast<std::int64_t>(prompts[i].size());
        }
        ATTUNE_ASSIGN(at::Tensor logits, m_decoder.prefill(prompts, std::min(m_options.sampling.maxTokens, kRoomAtFirst)));
        while (!live.empty()) {
            if (logits.scalar_type() != at::kFloat)
                logits = logits.to(at::kFloat);
            std::vector<std::int64_t> kept, lengths;
            std::vector<std::vector<std::int64_t>> tokens;
            std::vector<Answer*> next;
            const float* row = logits.data_ptr<float>();
            for (std::size_t i = 0; i < live.size(); ++i) {
                if (stop.stop_requested()) {
                    finish(*live[i], "cancelled");
                    continue;
                }
                const std::size_t rows = live[i]->proposed.size() + 1;
                ATTUNE_ASSIGN(const std::optional<std::int64_t> token, takeAll(*live[i], row, logits.size(1)));
                row += static_cast<std::int64_t>(rows) * logits.size(1);
                if (!token)
                    continue;
                kept.push_back(static_cast<std::int64_t>(i));
                lengths.push_back(live[i]->length);
                tokens.push_back({*token});
                next.push_back(live[i]);
            }
            if (next.size() != live.size())
                m_decoder.keep(kept);
            m_decoder.shorten(lengths);
            live = std::move(next);
            for (Answer* answer : live)
                ++answer->length; // the drawn token of the pass that follows
            if (!live.empty()) {
                propose(live, tokens);
                logits.reset(); // its memory serves again
                ATTUNE_ASSIGN(logits, m_decoder.steps(tokens));
            }
        }
        return {};
    }

private:
    // Draws from the row after the kept tokens and, while the draws are the proposed tokens, from the rows after those:
    // the same draws as one pass for each token. Returns the token that goes into the next pass, nothing at the end.
    Result<std::optional<std::int64_t>> takeAll(Answer& answer, const float* row, std::int64_t width) {
        const std::vector<std::int64_t> proposed = std::exchange(answer.proposed, {});
        for (std::size_t i = 0;; ++i, row += width) {
            ATTUNE_ASSIGN(const std::int64_t token, answer.sampler.next({row, static_cast<std::size_t>(width)}));
            const bool right = i < proposed.size() && token == proposed[i];
            if (answer.draft && !right && !proposed.empty())
                answer.draft->judge(static_cast<std::int64_t>(proposed.size()), static_cast<std::int64_t>(i));
            if (answer.draft)
                answer.draft->append(token);
            if (!take(answer, token, answer.length))
                return std::nullopt;
            if (!right)
                return token;
            ++answer.length; // it is in the decoder already
        }
    }

    // The tokens of the next pass: behind what was drawn, what may follow it.
    void propose(const std::vector<Answer*>& live, std::vector<std::vector<std::int64_t>>& tokens) {
        auto left = m_decoder.mostTokensAtOnce() - static_cast<std::int64_t>(live.size());
        for (std::size_t i = 0; m_options.speculate && left > 0 && i < live.size(); ++i) {
            Answer& answer = *live[i];
            if (!answer.draft) {
                answer.draft = std::make_unique<NgramDraft>(*answer.prompt);
                for (const std::int64_t token : answer.result.tokens)
                    answer.draft->append(token);
            }
            const auto others = static_cast<std::int64_t>(live.size() - i);
            const std::int64_t most = std::min({(left + others - 1) / others, m_model.config().contextLength - answer.length,
                                                m_options.sampling.maxTokens -
                                                    static_cast<std::int64_t>(answer.result.tokens.size()) - 1});
            answer.proposed = answer.draft->propose(most);
            left -= static_cast<std::int64_t>(answer.proposed.size());
            tokens[i].insert(tokens[i].end(), answer.proposed.begin(), answer.proposed.end());
        }
    }

    // Adds a token to an answer; false when it ended it.
    bool take(Answer& answer, std::int64_t token, std::int64_t length) {
        answer.result.tokens.push_back(token);
        const auto id = static_cast<TokenId>(token);
        if (m_stopIds.contains(id)) {
            finish(answer, "stop");
            return false;
        }
        const std::string piece =
            m_model.tokenizer->isSpecial(id) ? std::string() : answer.stream.append(m_model.tokenizer->tokenBytes(id));
        if (answer.stream.stopped()) {
            emitPiece(answer, piece, false);
            finish(answer, "stop");
            return false;
        }
        emitPiece(answer, piece, false);
        // `length` tokens are in the cache, this one would be one more.
        if (static_cast<std::int64_t>(answer.result.tokens.size()) >= m_options.sampling.maxTokens ||
            length >= m_model.config().contextLength) {
            finish(answer, "length");
            return false;
        }
        return true;
    }

    void finish(Answer& answer, const char* reason) {
        const std::string rest = answer.stream.finish();
        answer.result.text = answer.stream.text();
        answer.result.finish = reason;
        emitPiece(answer, rest, true);
    }

    void emitPiece(const Answer& answer, const std::string& piece, bool finished) {
        if (!m_emit || (piece.empty() && !finished))
            return;
        TextGenerated event;
        event.pane = m_options.pane;
        event.index = static_cast<int>(answer.index);
        event.text = piece;
        event.finished = finished;
        event.finishReason = answer.result.finish;
        event.tokens = static_cast<std::int64_t>(answer.result.tokens.size());
        const double seconds = std::chrono::duration<double>(Clock::now() - m_started).count();
        event.tokensPerSecond = seconds > 0 ? static_cast<double>(event.tokens) / seconds : 0;
        m_emit(event);
    }

    const LoadedModel& m_model;
    const GenerateOptions& m_options;
    const Emit& m_emit;
    Clock::time_point m_started;
    Decoder m_decoder;
    std::unordered_set<TokenId> m_stopIds;
};

} // namespace

Result<std::vector<std::int64_t>> promptIds(const LoadedModel& model, const Prompt& prompt) {
    std::vector<std::int64_t> ids = prompt.ids;
    if (!prompt.messages.empty()) {
        ATTUNE_ASSIGN(const std::vector<TokenId> encoded, model.format.promptIds(prompt.messages));
        ids.assign(encoded.begin(), encoded.end());
    } else if (ids.empty()) {
        ATTUNE_ASSIGN(const Encoding encoded, model.tokenizer->encode(prompt.text, {.addSpecialTokens = true}));
        ids.assign(encoded.ids.begin(), encoded.ids.end());
    }
    if (ids.empty())
        return fail(ErrorCode::InvalidArgument, "A prompt has no tokens", "Write at least one word.");
    return ids;
}

Result<std::vector<GeneratedText>> generateTexts(const LoadedModel& model,
                                                 const std::vector<std::vector<std::int64_t>>& prompts,
                                                 const GenerateOptions& options, std::stop_token stop,
                                                 const Emit& emit) {
    ATTUNE_CHECK(checkSampling(options.sampling));
    const ModelConfig& config = model.config();
    const std::vector<std::uint64_t> streams = randomStreams(prompts);
    const std::int64_t tokenBytes = 2 * config.layers * config.kvWidth() *
                                    static_cast<std::int64_t>(c10::elementSize(model.model->settings().dtype));
    std::vector<GeneratedText> results(prompts.size());
    for (std::size_t begin = 0; begin < prompts.size();) {
        std::vector<std::vector<std::int64_t>> chosen;
        std::vector<Answer> answers;
        std::int64_t bytes = 0;
        std::size_t end = begin;
        for (; end < prompts.size() && chosen.size() < kMaxBatch; ++end) {
            const auto tokens = std::min(config.contextLength,
                                         static_cast<std::int64_t>(prompts[end].size()) + options.sampling.maxTokens);
            if (!chosen.empty() && bytes + tokens * tokenBytes > options.cacheBytes)
                break;
            bytes += tokens * tokenBytes;
            chosen.push_back(prompts[end]);
            answers.push_back(
                {end, Sampler(options.sampling, streams[end], prompts[end]), TextStream(options.sampling.stop)});
        }
        if (stop.stop_requested() || options.sampling.maxTokens == 0) {
            for (Answer& answer : answers)
                answer.result.finish = stop.stop_requested() ? "cancelled" : "length";
        } else {
            Batch batch(model, options, emit, Clock::now());
            ATTUNE_CHECK(batch.run(chosen, answers, stop));
        }
        for (Answer& answer : answers)
            results[answer.index] = std::move(answer.result);
        begin = end;
    }
    return results;
}

Result<std::vector<GeneratedText>> generateTexts(const LoadedModel& model, const GenerateRequest& request,
                                                 std::stop_token stop, const Emit& emit) {
    std::vector<std::vector<std::int64_t>> prompts;
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
        auto ids = promptIds(model, request.prompts[i]);
        if (!ids) {
            Error error = std::move(ids).error();
            error.message = "Prompt " + std::to_string(i + 1) + ": " + error.message;
            return fail(std::move(error));
        }
        prompts.push_back(std::move(*ids));
    }
    return generateTexts(model, prompts, {.sampling = request.sampling, .pane = request.pane, .eightBit = request.eightBit, .speculate = request.speculate}, stop, emit);
}

} // namespace attune
