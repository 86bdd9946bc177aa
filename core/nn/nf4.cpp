#include "core/nn/nf4.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/dispatch.h"

namespace attune {

namespace {

std::int64_t blocksOf(std::int64_t elements, std::int64_t block) {
    return (elements + block - 1) / block;
}

// The scales of blocks [begin, end) in f32.
void decodeScales(const Nf4Matrix& matrix, std::int64_t begin, std::int64_t end, float* scales) {
    if (!matrix.nested()) {
        std::copy_n(matrix.absmax.data_ptr<float>() + begin, end - begin, scales);
        return;
    }
    const std::uint8_t* codes = matrix.absmax.data_ptr<std::uint8_t>();
    const float *map = matrix.nestedMap.data_ptr<float>(), *absmax = matrix.nestedAbsmax.data_ptr<float>();
    for (std::int64_t i = begin; i < end; ++i) {
        const float product = map[codes[i]] * absmax[i / kNf4NestedBlockSize]; // two roundings, as everywhere
        scales[i - begin] = product + matrix.nestedOffset;
    }
}

void quantizeScales(Nf4Matrix& matrix) {
    const at::Tensor scales = matrix.absmax;
    const float* from = scales.data_ptr<float>();
    const std::int64_t count = scales.numel();
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i)
        sum += from[i];
    matrix.nestedOffset = static_cast<float>(sum / static_cast<double>(count));
    matrix.nestedMap = dynamicMap();
    matrix.nestedAbsmax = at::zeros({blocksOf(count, kNf4NestedBlockSize)}, at::kFloat);
    matrix.absmax = at::empty({count}, at::kByte);
    const float* map = matrix.nestedMap.data_ptr<float>();
    std::vector<float> middles(255);
    for (std::size_t i = 0; i < middles.size(); ++i)
        middles[i] = (map[i] + map[i + 1]) * 0.5f;
    for (std::int64_t begin = 0; begin < count; begin += kNf4NestedBlockSize) {
        const std::int64_t end = std::min(count, begin + kNf4NestedBlockSize);
        float largest = 0;
        for (std::int64_t i = begin; i < end; ++i)
            largest = std::max(largest, std::abs(from[i] - matrix.nestedOffset));
        matrix.nestedAbsmax.data_ptr<float>()[begin / kNf4NestedBlockSize] = largest;
        const float inverse = 1.0f / std::max(largest, 1e-38f);
        for (std::int64_t i = begin; i < end; ++i) {
            const float scaled = (from[i] - matrix.nestedOffset) * inverse;
            matrix.absmax.data_ptr<std::uint8_t>()[i] = static_cast<std::uint8_t>(
                std::lower_bound(middles.begin(), middles.end(), scaled) - middles.begin()); // middles below the number
        }
    }
}

} // namespace

const at::Tensor& dynamicMap() {
    static const at::Tensor kMap = [] {
        std::vector<float> values{0.0f, 1.0f};
        float power[7] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
        for (int i = 0; i < 7; ++i) {
            const at::Tensor bounds = at::linspace(0.1, 1, (1 << i) + 1, at::kFloat);
            for (int k = 0; k < 1 << i; ++k) {
                const float middle =
                    power[i] * ((bounds.data_ptr<float>()[k] + bounds.data_ptr<float>()[k + 1]) / 2.0f);
                values.push_back(middle), values.push_back(-middle);
            }
        }
        std::sort(values.begin(), values.end());
        at::Tensor map = at::empty({256}, at::kFloat);
        std::copy(values.begin(), values.end(), map.data_ptr<float>());
        return map;
    }();
    return kMap;
}

at::Tensor nf4Scales(const Nf4Matrix& matrix) {
    const std::int64_t blocks = blocksOf(matrix.elements(), kNf4BlockSize);
    at::Tensor scales = at::empty({blocks}, at::kFloat);
    decodeScales(matrix, 0, blocks, scales.data_ptr<float>());
    return scales;
}

Nf4Matrix pickNf4Rows(const Nf4Matrix& matrix, at::IntArrayRef rows) {
    const at::Tensor index = at::tensor(rows, at::kLong);
    Nf4Matrix picked;
    picked.rows = static_cast<std::int64_t>(rows.size()), picked.columns = matrix.columns;
    picked.codes = matrix.codes.view({matrix.rows, -1}).index_select(0, index).flatten();
    picked.absmax = nf4Scales(matrix).view({matrix.rows, -1}).index_select(0, index).flatten();
    return picked;
}

std::int64_t Nf4Matrix::bytes() const {
    std::int64_t sum = 0;
    for (const at::Tensor& tensor : {codes, absmax, nestedAbsmax})
        if (tensor.defined())
            sum += static_cast<std::int64_t>(tensor.nbytes());
    return sum;
}

Nf4Matrix quantizeNf4(const at::Tensor& weight, bool doubleQuantization) {
    const at::Tensor flat = weight.to(at::kFloat).contiguous();
    Nf4Matrix matrix;
    matrix.rows = weight.size(0), matrix.columns = weight.size(1);
    const std::int64_t n = flat.numel(), blocks = blocksOf(n, kNf4BlockSize);
    matrix.codes = at::empty({(n + 1) / 2}, at::kByte);
    matrix.absmax = at::empty({blocks}, at::kFloat);
    const auto quantize = kernels::nf4Table(kernels::activeInstructionSet()).quantize;
    at::parallel_for(0, blocks, 256, [&](std::int64_t begin, std::int64_t end) {
        quantize(flat.data_ptr<float>() + begin * kNf4BlockSize,
                 matrix.codes.data_ptr<std::uint8_t>() + begin * kNf4BlockSize / 2,
                 matrix.absmax.data_ptr<float>() + begin, std::min(n, end * kNf4BlockSize) - begin * kNf4BlockSize);
    });
    if (doubleQuantization && blocks > 0)
        quantizeScales(matrix);
    return matrix;
}

void dequantizeNf4Rows(const Nf4Matrix& matrix, std::int64_t first, std::int64_t count, void* out, std::int64_t stride,
                       at::ScalarType type) {
    const kernels::Nf4Table& table = kernels::nf4Table(kernels::activeInstructionSet());
    const std::uint8_t* codes = matrix.codes.data_ptr<std::uint8_t>();
    const auto unpack = [&](std::int64_t begin, std::int64_t end, const float* scales, std::int64_t offset) {
        if (type == at::kBFloat16)
            table.dequantizeBf16(codes, scales, static_cast<kernels::Bf16*>(out) + offset, begin, end);
        else if (type == at::kDouble)
            table.dequantizeDouble(codes, scales, static_cast<double*>(out) + offset, begin, end);
        else
            table.dequantizeFloat(codes, scales, static_cast<float*>(out) + offset, begin, end);
    };
    constexpr std::int64_t kBlocks = 64; // scales at a time
    float scales[kBlocks + 1];
    for (std::int64_t row = 0; row < count; ++row) {
        const std::int64_t rowBegin = (first + row) * matrix.columns, rowEnd = rowBegin + matrix.columns;
        for (std::int64_t begin = rowBegin; begin < rowEnd;) {
            const std::int64_t block = begin / kNf4BlockSize, end = std::min(rowEnd, (block + kBlocks) * kNf4BlockSize);
            decodeScales(matrix, block, blocksOf(end, kNf4BlockSize), scales);
            unpack(begin, end, scales, row * stride + begin - rowBegin);
            begin = end;
        }
    }
}

void dequantizeNf4(const Nf4Matrix& matrix, std::int64_t first, const at::Tensor& out) {
    auto* data = static_cast<std::byte*>(out.data_ptr());
    const std::int64_t stride = out.stride(0), size = static_cast<std::int64_t>(out.element_size());
    kernels::forRows(out.size(0), matrix.columns, [&](std::int64_t begin, std::int64_t end) {
        dequantizeNf4Rows(matrix, first + begin, end - begin, data + begin * stride * size, stride, out.scalar_type());
    });
}

} // namespace attune
