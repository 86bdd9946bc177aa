#include "core/nn/decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/decode_kernels.h"
#include "core/nn/kernels/kernel_table.h"
#include "core/nn/kernels/matmul.h"
#include "core/nn/rope.h"

namespace attune {

struct Decoder::Impl {
    virtual ~Impl() = default;
    virtual Result<at::Tensor> prefill(const std::vector<std::vector<std::int64_t>>& prompts) = 0;
    virtual Result<at::Tensor> step(const std::vector<std::int64_t>& tokens) = 0;
    virtual void keep(const std::vector<std::int64_t>& sequences) = 0;
    virtual std::vector<std::int64_t> lengths() const = 0;
};

namespace {

constexpr std::int64_t kPrefillRows = 512;  // products are saturated there; more only costs memory
constexpr std::int64_t kDirectRows = 16;    // up to here our own products beat the library's
constexpr std::int64_t kFirstCapacity = 64; // tokens; doubled when full

template <class Real>
struct RopeTable {
    RopeFrequencies frequencies;
    std::vector<Real> cosines, sines; // [positions, headDim / 2]
    std::int64_t positions = 0;

    void reach(std::int64_t count) {
        if (count <= positions)
            return;
        count = std::max(count, positions * 2);
        appendRopeTable(frequencies, positions, count - positions, cosines, sines);
        positions = count;
    }
};

// T: what weights and cache are stored in; Real: what sums and the residual stream are kept in.
template <class T, class Real>
class DecoderOf final : public Decoder::Impl {
public:
    explicit DecoderOf(const CausalLm& model)
        : m_model(model), m_config(model.config()), m_half(m_config.headDim / 2), m_stored(model.settings().dtype),
          m_real(model.masterType()) {}

    Result<at::Tensor> prefill(const std::vector<std::vector<std::int64_t>>& prompts) override {
        m_sequences.clear();
        for (const auto& prompt : prompts) {
            if (prompt.empty())
                return fail(ErrorCode::InvalidArgument, "A prompt has no tokens", "Write at least one word.");
            if (static_cast<std::int64_t>(prompt.size()) > m_config.contextLength)
                return fail(ErrorCode::InvalidArgument,
                            "A prompt has " + std::to_string(prompt.size()) + " tokens, the model reads at most " +
                                std::to_string(m_config.contextLength),
                            "Shorten the prompt.");
            ATTUNE_CHECK(checkIds(prompt));
        }
        m_sequences.resize(prompts.size());
        std::vector<Segment> segments;
        for (std::size_t i = 0; i < prompts.size(); ++i) {
            m_sequences[i].ids = prompts[i];
            segments.push_back({&m_sequences[i], 0, static_cast<std::int64_t>(prompts[i].size())});
        }
        return run(segments);
    }

    Result<at::Tensor> step(const std::vector<std::int64_t>& tokens) override {
        if (tokens.size() != m_sequences.size())
            return fail(ErrorCode::Internal, "Decoder::step needs one token for each live sequence");
        ATTUNE_CHECK(checkIds(tokens));
        std::vector<Segment> segments;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            Sequence& sequence = m_sequences[i];
            const auto length = static_cast<std::int64_t>(sequence.ids.size());
            if (length >= m_config.contextLength)
                return fail(ErrorCode::InvalidArgument,
                            "The text has reached the model's context of " + std::to_string(m_config.contextLength) +
                                " tokens",
                            "Start a new text or generate fewer tokens.");
            sequence.ids.push_back(tokens[i]);
            segments.push_back({&sequence, length, 1});
        }
        return run(segments);
    }

    void keep(const std::vector<std::int64_t>& sequences) override {
        std::vector<Sequence> kept;
        for (const std::int64_t index : sequences)
            kept.push_back(std::move(m_sequences.at(static_cast<std::size_t>(index))));
        m_sequences = std::move(kept);
    }

    std::vector<std::int64_t> lengths() const override {
        std::vector<std::int64_t> all;
        for (const Sequence& sequence : m_sequences)
            all.push_back(static_cast<std::int64_t>(sequence.ids.size()));
        return all;
    }

private:
    struct Sequence {
        std::vector<std::int64_t> ids;
        std::vector<at::Tensor> keys, values; // per layer [kvHeads, capacity, headDim]
        std::int64_t capacity = 0;
        std::shared_ptr<RopeTable<Real>> rope;
    };
    struct Segment { // tokens [begin, begin + count) of one sequence
        Sequence* sequence;
        std::int64_t begin, count;
    };

    Status checkIds(const std::vector<std::int64_t>& ids) const {
        for (const std::int64_t id : ids)
            if (id < 0 || id >= m_config.vocabularySize)
                return fail(ErrorCode::InvalidArgument,
                            "The token id " + std::to_string(id) + " is outside the model's vocabulary of " +
                                std::to_string(m_config.vocabularySize),
                            "The tokenizer does not fit the model.");
        return {};
    }

    // Frequencies that grow with the text (dynamic, longrope) turn the cached keys wrong: such a sequence starts over.
    void prepare(Segment& segment) {
        Sequence& sequence = *segment.sequence;
        const auto length = static_cast<std::int64_t>(sequence.ids.size());
        if (m_config.positions == PositionKind::Rope) {
            if (!sequence.rope || ropeDependsOnLength(m_config.rope)) {
                const RopeFrequencies frequencies = ropeFrequencies(m_config, length);
                if (!sequence.rope || !(sequence.rope->frequencies == frequencies)) {
                    sequence.rope = tableOf(frequencies);
                    segment.count += segment.begin;
                    segment.begin = 0;
                }
            }
            sequence.rope->reach(length);
        }
        if (length <= sequence.capacity)
            return;
        std::int64_t capacity = std::max(kFirstCapacity, sequence.capacity);
        while (capacity < length)
            capacity *= 2;
        capacity = std::min(capacity, std::max(length, m_config.contextLength));
        const auto options = at::TensorOptions().dtype(m_stored);
        sequence.keys.resize(m_model.blocks.size());
        sequence.values.resize(m_model.blocks.size());
        for (std::size_t layer = 0; layer < m_model.blocks.size(); ++layer)
            for (at::Tensor* cache : {&sequence.keys[layer], &sequence.values[layer]}) {
                at::Tensor larger = at::empty({m_config.kvHeads, capacity, m_config.headDim}, options);
                if (cache->defined() && segment.begin > 0)
                    larger.narrow(1, 0, segment.begin).copy_(cache->narrow(1, 0, segment.begin));
                *cache = std::move(larger);
            }
        sequence.capacity = capacity;
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

    // All segments, in chunks of at most kPrefillRows rows; logits after the last token of each.
    Result<at::Tensor> run(std::vector<Segment>& segments) {
        try {
            const auto options = at::TensorOptions().dtype(m_real);
            at::Tensor last = at::empty({static_cast<std::int64_t>(segments.size()), m_config.hiddenSize}, options);
            for (Segment& segment : segments)
                prepare(segment);
            std::vector<Segment> chunk;
            std::vector<std::pair<std::int64_t, std::int64_t>> ends; // row in the chunk -> segment
            std::int64_t rows = 0;
            const auto flush = [&] {
                const at::Tensor hidden = blocks(chunk, rows);
                for (const auto& [row, segment] : ends)
                    last[segment].copy_(hidden[row]);
                chunk.clear(), ends.clear(), rows = 0;
            };
            for (std::size_t i = 0; i < segments.size(); ++i) {
                Segment rest = segments[i];
                while (rest.count > 0) {
                    const std::int64_t count = std::min(rest.count, kPrefillRows - rows);
                    chunk.push_back({rest.sequence, rest.begin, count});
                    rows += count, rest.begin += count, rest.count -= count;
                    if (rest.count == 0)
                        ends.emplace_back(rows - 1, static_cast<std::int64_t>(i));
                    if (rows == kPrefillRows)
                        flush();
                }
            }
            if (rows > 0)
                flush();
            at::Tensor input = at::empty({last.size(0), m_config.hiddenSize}, at::TensorOptions().dtype(m_stored));
            norm(last, m_model.finalNorm, input);
            return multiply(input, m_model.head.compute);
        } catch (const std::exception& exception) {
            return fail(ErrorCode::OutOfMemory, std::string("Generating failed: ") + exception.what(),
                        "Generate fewer texts at once or close other programs.");
        }
    }

    // y = x w^T in Real. x: [rows, K] of T with any row stride, w: [out, K].
    at::Tensor multiply(const at::Tensor& x, const at::Tensor& w) const {
        const std::int64_t rows = x.size(0), out = w.size(0);
        at::Tensor y = at::empty({rows, out}, at::TensorOptions().dtype(m_real));
        if (rows > kDirectRows) {
            if (m_stored == at::kDouble)
                at::mm_out(y, x, w.t());
            else
                kernels::multiply(y, x, w.t());
            return y;
        }
        decode::Product<T, Real> job;
        job.w = w.data_ptr<T>(), job.wStride = w.stride(0), job.k = w.size(1);
        job.x = x.data_ptr<T>(), job.xStride = x.stride(0), job.rows = rows;
        job.y = y.template data_ptr<Real>(), job.yStride = out;
        const std::int64_t grain = std::max<std::int64_t>(16, 32768 / std::max<std::int64_t>(1, job.k * rows));
        at::parallel_for(0, out, grain,
                         [&](std::int64_t begin, std::int64_t end) { decode::product(job, begin, end); });
        return y;
    }

    // One layer's product with bias and, when enabled, its adapters; x has `in` columns followed by room for the ranks.
    at::Tensor apply(const Linear& linear, at::Tensor x) const {
        const std::int64_t in = linear.inFeatures(), rank = rankOf(linear);
        at::Tensor y;
        if (rank > 0) {
            x.narrow(1, in, rank).copy_(multiply(x.narrow(1, 0, in), linear.loraA));
            y = multiply(x, linear.augmented);
        } else {
            y = multiply(x, linear.weight.compute);
        }
        if (linear.bias.defined())
            y.add_(linear.bias.compute);
        return y;
    }
    std::int64_t rankOf(const Linear& linear) const { return m_model.adaptersEnabled() ? linear.adapterRank() : 0; }
    at::Tensor inputFor(const Linear& linear, std::int64_t rows) const {
        return at::empty({rows, linear.inFeatures() + rankOf(linear)}, at::TensorOptions().dtype(m_stored));
    }

    // RMSNorm or LayerNorm into the first columns of `out`.
    void norm(const at::Tensor& x, const Norm& parameters, at::Tensor& out) const {
        const std::int64_t width = x.size(1);
        const Real* weight = parameters.weight.compute.data_ptr<Real>();
        const Real* bias = parameters.bias.defined() ? parameters.bias.compute.data_ptr<Real>() : nullptr;
        const auto epsilon = static_cast<Real>(m_config.normEpsilon);
        at::parallel_for(0, x.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
            std::vector<Real> statistics(static_cast<std::size_t>(2 * (end - begin)));
            const Real* in = x.data_ptr<Real>() + begin * width;
            auto* target = kernelPointer(out) + begin * out.stride(0);
            if (m_config.norm == NormKind::LayerNorm)
                m_kernels.layerNorm(in, weight, bias, epsilon, target, out.stride(0), statistics.data(),
                                    statistics.data() + (end - begin), end - begin, width);
            else
                m_kernels.rmsNorm(in, weight, epsilon, target, out.stride(0), statistics.data(), end - begin, width);
        });
    }

    at::Tensor embed(const std::vector<Segment>& chunk, std::int64_t rows) const {
        std::vector<std::int64_t> ids, positions;
        for (const Segment& segment : chunk)
            for (std::int64_t i = segment.begin; i < segment.begin + segment.count; ++i) {
                ids.push_back(segment.sequence->ids[static_cast<std::size_t>(i)]);
                positions.push_back(i);
            }
        const auto index = [&](std::vector<std::int64_t>& values) {
            return at::from_blob(values.data(), {rows}, at::kLong);
        };
        at::Tensor x = m_model.embedding.compute.index_select(0, index(ids)).to(m_real);
        if (m_model.positions.defined())
            x.add_(m_model.positions.compute.index_select(0, index(positions)));
        return x;
    }

    at::Tensor blocks(const std::vector<Segment>& chunk, std::int64_t rows) {
        at::Tensor x = embed(chunk, rows); // [rows, H], the residual stream
        for (std::size_t layer = 0; layer < m_model.blocks.size(); ++layer) {
            const Block& block = m_model.blocks[layer];
            at::Tensor input = inputFor(block.qkv, rows);
            norm(x, block.attentionNorm, input);
            at::Tensor qkv = apply(block.qkv, input);
            at::Tensor mixed = inputFor(block.attentionOut, rows);
            attention(chunk, layer, qkv, mixed);
            x.add_(apply(block.attentionOut, mixed));
            at::Tensor hidden = inputFor(block.gateUp, rows);
            norm(x, block.mlpNorm, hidden);
            const at::Tensor gateUp = apply(block.gateUp, hidden);
            at::Tensor activated = inputFor(block.down, rows);
            activate(gateUp, activated);
            x.add_(apply(block.down, activated));
        }
        return x;
    }

    void activate(const at::Tensor& gateUp, at::Tensor& out) const {
        const std::int64_t width = m_config.intermediateSize, inputs = gateUp.size(1);
        const auto code = static_cast<kernels::ActivationCode>(m_config.activation);
        constexpr std::int64_t kColumns = 256; // a single token's row is worth sharing among threads
        const std::int64_t pieces = (width + kColumns - 1) / kColumns;
        at::parallel_for(0, gateUp.size(0) * pieces, 8, [&](std::int64_t begin, std::int64_t end) {
            Real pair[2 * kColumns], line[kColumns];
            for (std::int64_t task = begin; task < end; ++task) {
                const std::int64_t row = task / pieces, first = task % pieces * kColumns;
                const std::int64_t count = std::min(kColumns, width - first);
                const Real* in = gateUp.data_ptr<Real>() + row * inputs + first;
                std::copy(in, in + count, pair);
                if (m_config.gatedMlp)
                    std::copy(in + width, in + width + count, pair + count);
                m_realKernels.activation(code, m_config.gatedMlp, pair, line, count, 1, count);
                m_kernels.narrow(line, kernelPointer(out) + row * out.stride(0) + first, count);
            }
        });
    }

    // Rotates queries and keys, appends keys and values to the caches and attends over them.
    void attention(const std::vector<Segment>& chunk, std::size_t layer, at::Tensor& qkv, at::Tensor& mixed) {
        const std::int64_t width = qkv.size(1), query = m_config.queryWidth(), kv = m_config.kvWidth(),
                           d = m_config.headDim;
        std::int64_t row = 0;
        for (const Segment& segment : chunk) {
            Real* rows = qkv.data_ptr<Real>() + row * width;
            const Sequence& sequence = *segment.sequence;
            T* keys = sequence.keys[layer].template data_ptr<T>();
            T* values = sequence.values[layer].template data_ptr<T>();
            at::parallel_for(0, segment.count, 32, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) {
                    Real* line = rows + i * width;
                    const std::int64_t position = segment.begin + i;
                    if (sequence.rope)
                        for (std::int64_t head = 0; head < m_config.heads + m_config.kvHeads; ++head)
                            rotate(line + head * d, *sequence.rope, position);
                    for (std::int64_t head = 0; head < m_config.kvHeads; ++head) {
                        T* key = keys + (head * sequence.capacity + position) * d;
                        T* value = values + (head * sequence.capacity + position) * d;
                        for (std::int64_t c = 0; c < d; ++c) {
                            key[c] = static_cast<T>(line[query + head * d + c]);
                            value[c] = static_cast<T>(line[query + kv + head * d + c]);
                        }
                    }
                }
            });
            row += segment.count;
        }
        if (static_cast<std::int64_t>(chunk.size()) == qkv.size(0))
            return attendSingles(chunk, layer, qkv, mixed);
        row = 0;
        for (const Segment& segment : chunk) {
            attendMany(segment, layer, qkv.narrow(0, row, segment.count), mixed.narrow(0, row, segment.count));
            row += segment.count;
        }
    }

    void rotate(Real* head, const RopeTable<Real>& table, std::int64_t position) const {
        const Real* cosines = table.cosines.data() + position * m_half;
        const Real* sines = table.sines.data() + position * m_half;
        for (std::int64_t i = 0; i < m_half; ++i) {
            const Real a = head[i], b = head[i + m_half];
            head[i] = a * cosines[i] - b * sines[i];
            head[i + m_half] = b * cosines[i] + a * sines[i];
        }
    }

    // One new token per sequence: straight over the caches, one task per sequence and head.
    void attendSingles(const std::vector<Segment>& chunk, std::size_t layer, const at::Tensor& qkv,
                       at::Tensor& mixed) const {
        const std::int64_t d = m_config.headDim, group = m_config.heads / m_config.kvHeads;
        const auto tasks = static_cast<std::int64_t>(chunk.size()) * m_config.heads;
        std::int64_t longest = 0;
        for (const Segment& segment : chunk)
            longest = std::max(longest, segment.begin + 1);
        const std::int64_t grain = std::max<std::int64_t>(1, 16384 / (longest * d));
        at::parallel_for(0, tasks, grain, [&](std::int64_t begin, std::int64_t end) {
            std::vector<Real> scratch(static_cast<std::size_t>(longest + d));
            for (std::int64_t task = begin; task < end; ++task) {
                const std::int64_t row = task / m_config.heads, head = task % m_config.heads;
                const Segment& segment = chunk[static_cast<std::size_t>(row)];
                const std::int64_t offset = head / group * segment.sequence->capacity * d;
                decode::Attention<T, Real> job;
                job.q = qkv.data_ptr<Real>() + row * qkv.stride(0) + head * d;
                job.keys = segment.sequence->keys[layer].template data_ptr<T>() + offset;
                job.values = segment.sequence->values[layer].template data_ptr<T>() + offset;
                job.length = segment.begin + 1, job.headDim = d;
                job.scale = static_cast<Real>(1.0 / std::sqrt(static_cast<double>(d)));
                job.scores = scratch.data(), job.out = scratch.data() + longest;
                decode::attend(job);
                T* target = mixed.data_ptr<T>() + row * mixed.stride(0) + head * d;
                for (std::int64_t i = 0; i < d; ++i)
                    target[i] = static_cast<T>(job.out[i]);
            }
        });
    }

    // Many tokens of one sequence: the heads of a group are stacked on their shared keys, so K and V are never
    // repeated.
    void attendMany(const Segment& segment, std::size_t layer, const at::Tensor& qkv, at::Tensor mixed) const {
        const std::int64_t n = segment.count, d = m_config.headDim, kvHeads = m_config.kvHeads;
        const std::int64_t group = m_config.heads / kvHeads, length = segment.begin + n;
        const at::Tensor keys = segment.sequence->keys[layer].narrow(1, 0, length);     // [kv, length, d]
        const at::Tensor values = segment.sequence->values[layer].narrow(1, 0, length); // [kv, length, d]
        const at::Tensor q = qkv.narrow(1, 0, m_config.queryWidth())
                                 .reshape({n, kvHeads, group, d})
                                 .permute({1, 2, 0, 3})
                                 .reshape({kvHeads, group * n, d})
                                 .to(m_stored);
        at::Tensor scores = at::bmm(q, keys.transpose(1, 2)).to(m_real).mul_(1.0 / std::sqrt(static_cast<double>(d)));
        scores = scores.view({kvHeads, group, n, length});
        const at::Tensor later = at::ones({n, length}, at::kBool).triu_(segment.begin + 1);
        scores.masked_fill_(later, -std::numeric_limits<double>::infinity());
        const at::Tensor weights = at::softmax(scores, -1).view({kvHeads, group * n, length}).to(m_stored);
        mixed.narrow(1, 0, m_config.queryWidth())
            .copy_(at::bmm(weights, values)
                       .view({kvHeads, group, n, d})
                       .permute({2, 0, 1, 3})
                       .reshape({n, m_config.queryWidth()}));
    }

    using Stored = std::conditional_t<std::is_same_v<T, c10::BFloat16>, kernels::Bf16, T>;
    static Stored* kernelPointer(const at::Tensor& tensor) { return static_cast<Stored*>(tensor.data_ptr()); }

    const CausalLm& m_model;
    const ModelConfig& m_config;
    const kernels::KernelTable<Stored>& m_kernels = kernels::kernelTable<Stored>(kernels::bestInstructionSet());
    const kernels::KernelTable<Real>& m_realKernels = kernels::kernelTable<Real>(kernels::bestInstructionSet());
    const std::int64_t m_half;
    const at::ScalarType m_stored, m_real;
    std::vector<Sequence> m_sequences;
    std::vector<std::weak_ptr<RopeTable<Real>>> m_tables;
};

} // namespace

Decoder::Decoder(const CausalLm& model) {
    if (model.settings().dtype == at::kDouble)
        m_impl = std::make_unique<DecoderOf<double, double>>(model);
    else if (model.settings().dtype == at::kFloat)
        m_impl = std::make_unique<DecoderOf<float, float>>(model);
    else
        m_impl = std::make_unique<DecoderOf<c10::BFloat16, float>>(model);
}

Decoder::~Decoder() = default;

Result<at::Tensor> Decoder::prefill(const std::vector<std::vector<std::int64_t>>& prompts) {
    return m_impl->prefill(prompts);
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
