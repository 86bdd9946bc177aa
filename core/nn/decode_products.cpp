#include "core/nn/decode_products.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/matmul.h"

namespace attune {

namespace {

constexpr std::int64_t kLibraryRows = 16; // beyond, where there are no lanes, the library's products are faster
constexpr std::int64_t kUnpackedRows = 16; // of a packed layer at a time: they stay in the cache

} // namespace

template <class T, class Real>
DecodeProducts<T, Real>::DecodeProducts(const CausalLm& model, const DecodeWeights& weights)
    : m_model(model), m_weights(weights), m_loops(kernels::kernelTable<Stored>(kernels::bestInstructionSet())) {
    std::int64_t widest = 0;
    for (const Block& block : m_model.blocks)
        for (const Linear* linear : block.linears()) {
            widest = std::max({widest, linear->inFeatures(), linear->outFeatures()});
            m_mostRanks = std::max(m_mostRanks, linear->adapterRank());
        }
    m_widest = (widest + m_mostRanks + 127) / 64 * 64;
}

template <class T, class Real>
void DecodeProducts<T, Real>::reserve(std::int64_t rows, bool lanes) {
    const at::ScalarType stored = m_model.settings().dtype;
    const std::int64_t members = at::get_num_threads();
    m_lanes = lanes && std::is_same_v<T, c10::BFloat16> && rows <= decode::kMostLaneRows && decode::lanesAreFaster() &&
              !m_weights.head.eightBit();
    reserveElements(m_inner, rows * std::max<std::int64_t>(1, m_mostRanks), m_model.masterType());
    reserveElements(m_packed, wholeUnits(rows, decode::kLanes) * m_widest, stored);
    if (m_weights.head.eightBit())
        reserveElements(m_wide, members * rows * m_widest, at::kFloat);
    if (m_model.packed())
        reserveElements(m_unpacked, members * kUnpackedRows * m_widest, stored);
}

template <class T, class Real>
void DecodeProducts<T, Real>::adapters(kernels::TeamMember& member, const Linear& linear, const Input& input) {
    const std::int64_t rank = rankOf(linear);
    if (rank == 0)
        return;
    const auto [begin, end] = member.share(rank);
    adapterShare(linear, input, begin, end, pointerTo<Real>(m_inner));
    member.barrier();
}

template <class T, class Real>
void DecodeProducts<T, Real>::adapterShare(const Linear& linear, const Input& input, std::int64_t begin, std::int64_t end,
                                           Real* scratch) const {
    const std::int64_t rank = rankOf(linear), in = linear.inFeatures();
    decode::Product<T, Real> job;
    job.w = pointerTo<T>(linear.loraA), job.wStride = linear.loraA.stride(0), job.k = in;
    job.x = input.data, job.xStride = input.stride, job.rows = input.rows;
    job.y = scratch, job.yStride = rank;
    decode::product(job, begin, end);
    for (std::int64_t row = 0; row < input.rows; ++row)
        m_loops.narrow(job.y + row * rank + begin, reinterpret_cast<Stored*>(input.data + row * input.stride + in + begin),
                       end - begin);
}

template <class T, class Real>
void DecodeProducts<T, Real>::prepareInput(kernels::TeamMember& member, Input& input) {
    if constexpr (std::is_same_v<T, c10::BFloat16>) {
        if (!m_lanes)
            return;
        const auto [begin, end] = member.share((input.stride + 1) / 2, 32);
        decode::packLanes(input.data, input.stride, input.rows, input.stride, begin, end, pointerTo<T>(m_packed));
        member.barrier();
        input.packed = pointerTo<T>(m_packed);
    }
}

template <class T, class Real>
void DecodeProducts<T, Real>::multiply(const kernels::TeamMember& member, const Linear* linear, const DecodeMatrix& matrix,
                                       const Input& input, std::int64_t begin, std::int64_t end, Target y) {
    if (linear && linear->packed && !matrix.eightBit())
        return multiplyPacked(member, *linear, input, begin, end, y);
    const std::int64_t rank = linear ? rankOf(*linear) : 0, rows = input.rows;
    decode::Product<T, Real> job;
    const at::Tensor& weight = rank > 0 && !linear->packed ? linear->augmented : matrix.plain;
    job.x = input.data, job.xStride = input.stride, job.rows = rows;
    job.y = y.data, job.yStride = y.width;
    if (!matrix.eightBit()) {
        job.w = pointerTo<T>(weight), job.wStride = weight.stride(0), job.k = weight.size(1);
        if constexpr (std::is_same_v<T, c10::BFloat16>) {
            if (input.packed) {
                job.x = input.packed;
                decode::productOfLanes(job, begin, end);
                return addBias(linear, rows, begin, end, y);
            }
        }
        if (rows > kLibraryRows && m_model.settings().dtype != at::kDouble)
            kernels::multiply({y.data + begin, rows, end - begin, y.width, 1, m_model.masterType()},
                              {input.data, rows, job.k, input.stride, 1, m_model.settings().dtype},
                              kernels::MatrixRef{const_cast<T*>(job.w) + begin * job.wStride, end - begin, job.k, job.wStride, 1,
                                                 m_model.settings().dtype}
                                  .transposed());
        else
            decode::product(job, begin, end);
    }
    if constexpr (std::is_same_v<Real, float>) {
        if (matrix.eightBit()) {
            const std::int64_t width = matrix.groups() * decode::kEightBitGroup,
                               in = linear ? linear->inFeatures() : m_model.config().hiddenSize;
            float* wide = pointerTo<float>(m_wide) + member.index() * (m_wide.numel() / member.count());
            for (std::int64_t row = 0; row < rows; ++row) {
                m_loops.widen(reinterpret_cast<const Stored*>(input.data + row * input.stride), wide + row * width, in);
                std::fill(wide + row * width + in, wide + (row + 1) * width, 0.0f);
            }
            decode::product({matrix.codes.data_ptr<std::int8_t>(), matrix.scales.data_ptr<float>(), matrix.groups(), wide, rows,
                             y.data, y.width},
                            begin, end);
            if (rank > 0) {
                job.w = pointerTo<T>(linear->scaledB), job.wStride = linear->scaledB.stride(0), job.k = rank;
                job.x = input.data + in, job.accumulate = true;
                decode::product(job, begin, end);
            }
        }
    }
    addBias(linear, rows, begin, end, y);
}

// Some rows of the weight at a time into memory of this member's, the adapters' columns behind them.
template <class T, class Real>
void DecodeProducts<T, Real>::multiplyPacked(const kernels::TeamMember& member, const Linear& linear, const Input& input,
                                             std::int64_t begin, std::int64_t end, Target y) {
    const std::int64_t rank = rankOf(linear), in = linear.inFeatures(), k = in + rank;
    T* rows = pointerTo<T>(m_unpacked) + member.index() * (m_unpacked.numel() / member.count());
    decode::Product<T, Real> job;
    job.w = rows, job.wStride = k, job.k = k;
    job.x = input.data, job.xStride = input.stride, job.rows = input.rows;
    job.yStride = y.width;
    for (std::int64_t first = begin; first < end; first += kUnpackedRows) {
        const std::int64_t count = std::min(kUnpackedRows, end - first);
        linear.unpackRows(first, count, rows, k, m_model.settings().dtype);
        for (std::int64_t i = 0; i < count && rank > 0; ++i)
            std::copy_n(pointerTo<T>(linear.scaledB) + (first + i) * rank, rank, rows + i * k + in);
        job.y = y.data + first;
        if constexpr (std::is_same_v<T, c10::BFloat16>) {
            if (input.packed) {
                job.x = input.packed;
                decode::productOfLanes(job, 0, count);
                continue;
            }
        }
        decode::product(job, 0, count);
    }
    addBias(&linear, input.rows, begin, end, y);
}

template <class T, class Real>
void DecodeProducts<T, Real>::addBias(const Linear* linear, std::int64_t rows, std::int64_t begin, std::int64_t end,
                                      Target y) const {
    if (linear && linear->rowScale.defined() && rankOf(*linear) > 0) { // DoRA
        const Real* scale = pointerTo<Real>(linear->rowScale);
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t o = begin; o < end; ++o)
                y.data[row * y.width + o] *= scale[o];
    }
    if (linear && linear->bias.defined())
        for (std::int64_t row = 0; row < rows; ++row)
            m_loops.addWiden(pointerTo<Stored>(linear->bias.compute) + begin, y.data + row * y.width + begin, end - begin);
}

template class DecodeProducts<double, double>;
template class DecodeProducts<float, float>;
template class DecodeProducts<c10::BFloat16, float>;

} // namespace attune
