#include "core/engine/text_embedder.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include "core/export/encoder_reader.h"
#include "core/text/tokenizer.h"

namespace attune {

namespace {

constexpr std::size_t kTokensAtOnce = 4096; // products are saturated there; more only costs memory

// Texts that are too long lose their end, but not the tokens behind it ([SEP]).
std::vector<std::int64_t> idsOf(const Encoding& encoding, std::size_t textBytes, std::size_t maxTokens) {
    std::vector<std::int64_t> ids(encoding.ids.begin(), encoding.ids.end());
    if (ids.size() <= maxTokens)
        return ids;
    std::size_t tail = 0;
    while (tail < ids.size() && encoding.offsets[ids.size() - 1 - tail].begin == textBytes)
        ++tail;
    tail = std::min(tail, maxTokens);
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(maxTokens - tail), ids.end() - static_cast<std::ptrdiff_t>(tail));
    return ids;
}

} // namespace

struct TextEmbedder::Impl {
    Encoder encoder;
    std::shared_ptr<const Tokenizer> tokenizer;
    std::int64_t maxTokens = 0;
};

TextEmbedder::TextEmbedder(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
TextEmbedder::~TextEmbedder() = default;

Result<std::unique_ptr<TextEmbedder>> TextEmbedder::load(const fs::path& model, std::optional<Pooling> pooling) {
    ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(model));
    ATTUNE_ASSIGN(Encoder encoder, readEncoder(source, at::kFloat));
    ATTUNE_ASSIGN(auto tokenizer, Tokenizer::load(model));
    if (pooling)
        encoder.setPooling(*pooling);
    const std::int64_t maxTokens = encoder.config().maxTokens;
    return std::unique_ptr<TextEmbedder>(
        new TextEmbedder(std::make_unique<Impl>(Impl{std::move(encoder), std::move(tokenizer), maxTokens})));
}

std::int64_t TextEmbedder::dimension() const {
    return m_impl->encoder.config().hiddenSize;
}

std::int64_t TextEmbedder::maxTokens() const {
    return m_impl->maxTokens;
}

Result<std::vector<std::vector<float>>> TextEmbedder::embed(const std::vector<std::string>& texts, std::stop_token stop) {
    std::vector<std::vector<std::int64_t>> rows;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto encoding = m_impl->tokenizer->encode(texts[i], {.addSpecialTokens = true});
        if (!encoding) {
            Error error = std::move(encoding).error();
            error.message = "Text " + std::to_string(i + 1) + ": " + error.message;
            return fail(std::move(error));
        }
        rows.push_back(idsOf(*encoding, texts[i].size(), static_cast<std::size_t>(m_impl->maxTokens)));
        if (rows.back().empty())
            return fail(ErrorCode::InvalidData, "Text " + std::to_string(i + 1) + " is empty and its tokenizer adds nothing", "Leave empty texts out.");
    }
    // Texts of like length together, so that a batch is cut at whole texts; the answers go back to their places.
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rows[a].size() < rows[b].size(); });
    std::vector<std::vector<float>> vectors(rows.size());
    for (std::size_t begin = 0; begin < order.size();) {
        if (stop.stop_requested())
            return fail(ErrorCode::Cancelled, "Embedding was cancelled");
        std::vector<std::vector<std::int64_t>> batch;
        std::size_t tokens = 0, end = begin;
        for (; end < order.size() && (batch.empty() || tokens + rows[order[end]].size() <= kTokensAtOnce); ++end) {
            tokens += rows[order[end]].size();
            batch.push_back(rows[order[end]]);
        }
        ATTUNE_ASSIGN(const at::Tensor embedded, m_impl->encoder.embed(batch));
        const at::Tensor numbers = embedded.to(at::kFloat).contiguous();
        const auto width = static_cast<std::ptrdiff_t>(numbers.size(1));
        for (std::size_t i = begin; i < end; ++i) {
            const float* from = numbers.data_ptr<float>() + static_cast<std::ptrdiff_t>(i - begin) * width;
            vectors[order[i]].assign(from, from + width);
        }
        begin = end;
    }
    return vectors;
}

} // namespace attune
