#include "core/nn/decoder.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/nn/decode_step.h"
#include "core/nn/head_pass.h"
#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/ops.h"
#include "core/nn/training_pass.h"

namespace attune {

struct Decoder::Impl {
    virtual ~Impl() = default;
    virtual Result<at::Tensor> prefill(const std::vector<std::vector<std::int64_t>>& prompts, std::int64_t newTokens) = 0;
    virtual Result<at::Tensor> step(const std::vector<std::int64_t>& tokens) = 0;
    virtual Result<at::Tensor> steps(const std::vector<std::vector<std::int64_t>>& tokens) = 0;
    virtual std::int64_t mostTokensAtOnce() const = 0;
    virtual void shorten(const std::vector<std::int64_t>& lengths) = 0;
    virtual void keep(const std::vector<std::int64_t>& sequences) = 0;
    virtual std::vector<std::int64_t> lengths() const = 0;
};

namespace {

constexpr std::int64_t kPrefillTokens = 512; // products are saturated there; more only costs memory
// A beginning that all prompts share (instructions, examples) is computed once for so many tokens of what follows it.
constexpr std::int64_t kShortestPrefix = 16, kTokensPerPrefix = 2048;
constexpr std::int64_t kStepRows = decode::kMostLaneRows;
constexpr std::int64_t kTogether = 8; // rows that are read with one pass over the weights, or little more

template <class T, class Real>
class DecoderOf final : public Decoder::Impl {
public:
    DecoderOf(CausalLm& model, DecodePrecision precision)
        : m_model(model), m_config(model.config()), m_weights(model, precision), m_step(model, m_weights), m_pass(model) {}

    Result<at::Tensor> prefill(const std::vector<std::vector<std::int64_t>>& prompts, std::int64_t newTokens) override {
        m_sequences.clear();
        m_newTokens = newTokens;
        for (const auto& prompt : prompts) {
            if (prompt.empty())
                return fail(ErrorCode::InvalidArgument, "A prompt has no tokens", "Write at least one word.");
            const std::int64_t room = m_config.contextLength - m_model.promptTokens();
            if (static_cast<std::int64_t>(prompt.size()) > room)
                return fail(ErrorCode::InvalidArgument,
                            "A prompt has " + std::to_string(prompt.size()) + " tokens, the model reads at most " +
                                std::to_string(room) + (m_model.promptTokens() > 0 ? " behind its trained prompt" : ""),
                            "Shorten the prompt.");
            ATTUNE_CHECK(checkIds(prompt));
        }
        return guarded([&]() -> Result<at::Tensor> {
            std::vector<std::int64_t> all;
            for (const auto& prompt : prompts) {
                m_sequences.push_back(std::make_unique<KvCache<Real>>());
                auto& ids = m_sequences.back()->ids;
                for (std::int64_t i = 0; i < m_model.promptTokens(); ++i)
                    ids.push_back(virtualToken(i));
                ids.insert(ids.end(), prompt.begin(), prompt.end());
                all.push_back(static_cast<std::int64_t>(all.size()));
            }
            at::Tensor logits = emptyLogits();
            ATTUNE_CHECK(readWhole(all, logits));
            m_pass.releaseBuffers(); // the tokens that follow do not need them
            return logits;
        });
    }

    Result<at::Tensor> step(const std::vector<std::int64_t>& tokens) override {
        if (tokens.size() != m_sequences.size())
            return fail(ErrorCode::Internal, "Decoder::step needs one token for each live sequence");
        ATTUNE_CHECK(checkIds(tokens));
        for (const auto& sequence : m_sequences)
            if (sequence->length() >= m_config.contextLength)
                return pastContext();
        return guarded([&]() -> Result<at::Tensor> {
            std::vector<std::int64_t> again, next;
            for (std::size_t i = 0; i < tokens.size(); ++i) {
                m_sequences[i]->ids.push_back(tokens[i]);
                (followsRotation(*m_sequences[i]) ? next : again).push_back(static_cast<std::int64_t>(i));
            }
            if (again.empty() && next.size() <= static_cast<std::size_t>(kStepRows))
                return stepOf(next);
            at::Tensor logits = emptyLogits();
            ATTUNE_CHECK(readWhole(again, logits));
            for (std::size_t begin = 0; begin < next.size(); begin += kStepRows) {
                const std::vector<std::int64_t> some(
                    next.begin() + static_cast<std::ptrdiff_t>(begin),
                    next.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(next.size(), begin + kStepRows)));
                const at::Tensor rows = stepOf(some);
                for (std::size_t i = 0; i < some.size(); ++i)
                    logits[some[i]].copy_(rows[static_cast<std::int64_t>(i)]);
            }
            return logits;
        });
    }

    Result<at::Tensor> steps(const std::vector<std::vector<std::int64_t>>& tokens) override {
        if (tokens.size() != m_sequences.size())
            return fail(ErrorCode::Internal, "Decoder::steps needs tokens for each live sequence");
        std::vector<std::int64_t> first, counts, all;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            ATTUNE_CHECK(checkIds(tokens[i]));
            if (tokens[i].empty())
                return fail(ErrorCode::Internal, "Decoder::steps needs at least one token for each sequence");
            if (m_sequences[i]->length() + static_cast<std::int64_t>(tokens[i].size()) > m_config.contextLength)
                return pastContext();
            first.push_back(tokens[i].front());
            counts.push_back(static_cast<std::int64_t>(tokens[i].size()));
            all.push_back(static_cast<std::int64_t>(i));
        }
        const auto rows = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
        if (rows == static_cast<std::int64_t>(tokens.size()))
            return step(first);
        if (rows > mostTokensAtOnce())
            return fail(ErrorCode::Internal, "Decoder::steps got more tokens than mostTokensAtOnce");
        return guarded([&]() -> Result<at::Tensor> {
            for (std::size_t i = 0; i < tokens.size(); ++i)
                m_sequences[i]->ids.insert(m_sequences[i]->ids.end(), tokens[i].begin(), tokens[i].end());
            return stepOf(all, counts);
        });
    }

    std::int64_t mostTokensAtOnce() const override {
        // Rotations that change with the length are looked up for each token.
        const bool few = static_cast<std::int64_t>(m_sequences.size()) <= m_step.kDotRows;
        return few && !ropeDependsOnLength(m_config.rope) ? kTogether : static_cast<std::int64_t>(m_sequences.size());
    }

    void shorten(const std::vector<std::int64_t>& lengths) override {
        for (std::size_t i = 0; i < lengths.size(); ++i)
            m_sequences.at(i)->shorten(lengths[i]);
    }

    void keep(const std::vector<std::int64_t>& sequences) override {
        std::vector<std::unique_ptr<KvCache<Real>>> kept;
        for (const std::int64_t index : sequences)
            kept.push_back(std::move(m_sequences.at(static_cast<std::size_t>(index))));
        m_sequences = std::move(kept);
    }

    std::vector<std::int64_t> lengths() const override {
        std::vector<std::int64_t> all;
        for (const auto& sequence : m_sequences)
            all.push_back(sequence->length());
        return all;
    }

private:
    template <class F>
    Result<at::Tensor> guarded(F&& f) {
        try {
            at::NoGradGuard noGrad;
            return f();
        } catch (const std::exception& exception) {
            return fail(ErrorCode::OutOfMemory, std::string("Generating failed: ") + exception.what(),
                        "Generate fewer texts at once or close other programs.");
        }
    }

    auto pastContext() const {
        return fail(ErrorCode::InvalidArgument,
                    "The text has reached the model's context of " + std::to_string(m_config.contextLength) + " tokens",
                    "Start a new text or generate fewer tokens.");
    }

    Status checkIds(const std::vector<std::int64_t>& ids) const {
        for (const std::int64_t id : ids)
            if (id < 0 || id >= m_config.vocabularySize)
                return fail(ErrorCode::InvalidArgument,
                            "The token id " + std::to_string(id) + " is outside the model's vocabulary of " +
                                std::to_string(m_config.vocabularySize),
                            "The tokenizer does not fit the model.");
        return {};
    }

    at::Tensor emptyLogits() const {
        return at::empty({static_cast<std::int64_t>(m_sequences.size()), m_config.vocabularySize},
                         at::TensorOptions().dtype(m_model.masterType()));
    }

    // Frequencies that grow with the text (dynamic, longrope) turn the cached keys wrong: such a sequence is read again.
    bool followsRotation(const KvCache<Real>& cache) const {
        return !cache.rope || !ropeDependsOnLength(m_config.rope) ||
               cache.rope->frequencies == ropeFrequencies(m_config, cache.length());
    }

    // The last counts[i] tokens of each are new; one where there are no counts.
    at::Tensor stepOf(const std::vector<std::int64_t>& indices, std::vector<std::int64_t> counts = {}) {
        std::vector<KvCache<Real>*> caches;
        counts.resize(indices.size(), 1);
        for (std::size_t i = 0; i < indices.size(); ++i) {
            KvCache<Real>& cache = sequence(indices[i]);
            cache.reserve(cache.length(), cache.length() - counts[i], m_config.contextLength, m_config, m_model.settings().dtype);
            for (const auto& table : {cache.rope, cache.localRope})
                if (table)
                    table->reach(cache.length());
            caches.push_back(&cache);
        }
        return m_step.run(caches, counts);
    }

    KvCache<Real>& sequence(std::int64_t index) { return *m_sequences[static_cast<std::size_t>(index)]; }

    // Tokens that all of them begin with, leaving each at least one of its own; 0 where sharing does not pay.
    std::int64_t commonPrefix(std::span<const std::int64_t> indices) {
        if (indices.size() < 2 || ropeDependsOnLength(m_config.rope))
            return 0;
        const std::vector<std::int64_t>& first = sequence(indices[0]).ids;
        auto length = static_cast<std::int64_t>(first.size()) - 1;
        for (const std::int64_t index : indices.subspan(1)) {
            const std::vector<std::int64_t>& ids = sequence(index).ids;
            length = std::min(length, static_cast<std::int64_t>(ids.size()) - 1);
            length = std::mismatch(first.begin(), first.begin() + length, ids.begin()).first - first.begin();
        }
        return length < kShortestPrefix ? 0 : length;
    }

    // Whole sequences through the training engine's forward, several packed into one where they fit.
    Status readWhole(const std::vector<std::int64_t>& indices, at::Tensor& logits) {
        const std::int64_t prefix = commonPrefix(indices);
        // The prefix is read again for each pack: long ones want large packs.
        const std::int64_t budget = std::clamp(4 * prefix, kPrefillTokens, kTokensPerPrefix);
        for (std::size_t begin = 0; begin < indices.size();) {
            std::int64_t tokens = 0;
            std::size_t end = begin;
            while (end < indices.size()) {
                const std::int64_t length = sequence(indices[end]).length() - prefix;
                if (end > begin && tokens + length > budget)
                    break;
                tokens += length, ++end;
            }
            ATTUNE_CHECK(readPacked({indices.data() + begin, end - begin}, prefix, logits));
            begin = end;
        }
        return {};
    }

    // The first `prefix` tokens, which all have in common, become the first row.
    Status readPacked(std::span<const std::int64_t> indices, std::int64_t prefix, at::Tensor& logits) {
        PackedTokens batch;
        batch.rowStarts.push_back(0);
        batch.firstRowIsPrefix = prefix > 0;
        batch.promptIncluded = true;
        if (prefix > 0) {
            const std::vector<std::int64_t>& ids = sequence(indices[0]).ids;
            batch.ids.assign(ids.begin(), ids.begin() + prefix);
            batch.rowStarts.push_back(static_cast<std::int32_t>(prefix));
        }
        const std::size_t firstRow = prefix > 0 ? 1 : 0;
        for (const std::int64_t index : indices) {
            KvCache<Real>& cache = sequence(index);
            batch.ids.insert(batch.ids.end(), cache.ids.begin() + prefix, cache.ids.end());
            batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
            cache.reserve(std::min(cache.length() + m_newTokens, std::max(cache.length(), m_config.contextLength)), 0, m_config.contextLength, m_config, m_model.settings().dtype);
            if (m_config.positions == PositionKind::Rope)
                cache.rope = tableOf(ropeFrequencies(m_config, cache.length()));
            if (m_config.localRope)
                cache.localRope = tableOf(ropeFrequencies(m_config, cache.length(), true));
        }
        batch.targets.assign(batch.ids.size(), -100);
        ForwardOptions options;
        options.keepForBackward = options.training = false;
        options.keysAndValues = [&](std::size_t block, const at::Tensor& keys, const at::Tensor& values) {
            for (std::size_t i = 0; i < indices.size(); ++i) {
                KvCache<Real>& cache = sequence(indices[i]);
                const std::int64_t first = batch.rowStarts[firstRow + i], count = cache.length() - prefix;
                for (const auto& [to, from] : {std::pair(cache.keys[block], keys), std::pair(cache.values[block], values)}) {
                    if (prefix > 0)
                        to.narrow(1, 0, prefix).copy_(from.narrow(1, 0, prefix));
                    to.narrow(1, prefix, count).copy_(from.narrow(1, first, count));
                }
            }
        };
        ATTUNE_CHECK(m_pass.forward(batch, options));
        ATTUNE_ASSIGN(const at::Tensor hidden, m_pass.hidden());
        const auto rows = static_cast<std::int64_t>(indices.size());
        const at::Tensor last = at::empty({rows, m_config.hiddenSize}, hidden.options());
        for (std::size_t i = 0; i < indices.size(); ++i)
            last[static_cast<std::int64_t>(i)].copy_(hidden[batch.rowStarts[firstRow + i + 1] - 1]);
        const at::Tensor normed = at::empty({rows, m_config.hiddenSize}, hidden.options().dtype(m_model.settings().dtype));
        const at::Tensor found = at::empty({rows, m_config.vocabularySize}, logits.options());
        HeadPass::logits(m_model, last, normed, at::empty({2, rows}, hidden.options()), found);
        for (std::size_t i = 0; i < indices.size(); ++i)
            logits[indices[i]].copy_(found[static_cast<std::int64_t>(i)]);
        return {};
    }

    std::shared_ptr<RopeTable<Real>> tableOf(const RopeFrequencies& frequencies) {
        std::erase_if(m_tables, [](const auto& table) { return table.expired(); });
        for (const auto& table : m_tables)
            if (auto live = table.lock(); live && live->frequencies == frequencies)
                return live;
        auto table = std::make_shared<RopeTable<Real>>();
        table->frequencies = frequencies;
        m_tables.push_back(table);
        return table;
    }

    CausalLm& m_model;
    const ModelConfig& m_config;
    const DecodeWeights m_weights;
    DecodeStep<T, Real> m_step;
    TrainingPass m_pass;
    std::vector<std::unique_ptr<KvCache<Real>>> m_sequences;
    std::int64_t m_newTokens = 0; // that the last prefill expected
    std::vector<std::weak_ptr<RopeTable<Real>>> m_tables;
};

} // namespace

Decoder::Decoder(CausalLm& model, DecodePrecision precision) {
    if (model.settings().dtype == at::kDouble)
        m_impl = std::make_unique<DecoderOf<double, double>>(model, DecodePrecision::AsStored);
    else if (model.settings().dtype == at::kFloat)
        m_impl = std::make_unique<DecoderOf<float, float>>(model, precision);
    else
        m_impl = std::make_unique<DecoderOf<c10::BFloat16, float>>(model, precision);
}

Decoder::~Decoder() = default;

Result<at::Tensor> Decoder::prefill(const std::vector<std::vector<std::int64_t>>& prompts, std::int64_t newTokens) {
    return m_impl->prefill(prompts, newTokens);
}
Result<at::Tensor> Decoder::steps(const std::vector<std::vector<std::int64_t>>& tokens) {
    return m_impl->steps(tokens);
}
std::int64_t Decoder::mostTokensAtOnce() const {
    return m_impl->mostTokensAtOnce();
}
void Decoder::shorten(const std::vector<std::int64_t>& lengths) {
    m_impl->shorten(lengths);
}
Result<at::Tensor> Decoder::step(const std::vector<std::int64_t>& tokens) {
    return m_impl->step(tokens);
}
void Decoder::keep(const std::vector<std::int64_t>& sequences) {
    m_impl->keep(sequences);
}
std::vector<std::int64_t> Decoder::lengths() const {
    return m_impl->lengths();
}

} // namespace attune
