#include "core/export/nf4_reader.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "core/nn/kernels/kernel_table.h"

namespace attune {

namespace {

constexpr const char* kStateEnding = ".quant_state.bitsandbytes__nf4";

tl::unexpected<Error> damaged(const StoredTensor& stored, const std::string& what) {
    return fail(ErrorCode::InvalidData, stored.found.file->path().string() + ": the 4-bit tensor " + stored.found.tensor->name + ": " + what,
                "Download the model again, or choose its 16-bit version.");
}

// A tensor beside the weight, of exactly this type and number of elements.
Result<at::Tensor> companion(const ModelSource& source, const StoredTensor& stored, const char* ending, TensorType type,
                             std::int64_t elements) {
    const auto found = source.find(stored.found.tensor->name + ending);
    if (!found)
        return damaged(stored, std::string("its ") + (ending + 1) + " is missing");
    if (found->tensor->type != type || found->tensor->elements() != static_cast<std::uint64_t>(elements))
        return damaged(stored, std::string("its ") + (ending + 1) + " must hold " + std::to_string(elements) + " numbers of type " +
                                   tensorTypeName(type));
    at::Tensor tensor = at::empty({elements}, type == TensorType::U8 ? at::kByte : at::kFloat);
    ATTUNE_CHECK(found->file->read(*found->tensor, {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()}));
    if (type == TensorType::F32 && !at::isfinite(tensor).all().item<bool>())
        return damaged(stored, std::string("its ") + (ending + 1) + " holds NaN or infinite numbers");
    return tensor;
}

struct PackedState {
    std::int64_t rows = 0, columns = 0;
    std::int64_t blockSize = kNf4BlockSize;
    double nestedOffset = 0;
    TensorType type = TensorType::BF16;
};

Result<PackedState> readState(const ModelSource& source, const StoredTensor& stored) {
    constexpr std::uint64_t kMostBytes = 1 << 16;
    const auto found = source.find(stored.found.tensor->name + kStateEnding);
    if (!found || found->tensor->type != TensorType::U8 || found->tensor->elements() > kMostBytes)
        return damaged(stored, "its quant_state is missing or not a short text");
    std::string text(static_cast<std::size_t>(found->tensor->elements()), '\0');
    ATTUNE_CHECK(found->file->read(*found->tensor, std::as_writable_bytes(std::span(text))));
    ATTUNE_ASSIGN(const Json state, parseJson(text, stored.found.tensor->name + kStateEnding));
    if (!state.is_object())
        return damaged(stored, "its quant_state is not a JSON object");
    const auto number = [&](const char* key) {
        const auto value = state.find(key);
        return value != state.end() && value->is_number() ? value->get<double>() : std::nan("");
    };
    PackedState result;
    const double block = number("blocksize");
    if (!(block >= kNf4BlockSize && block <= 4096 && std::fmod(block, kNf4BlockSize) == 0))
        return fail(ErrorCode::Unsupported,
                    stored.found.file->path().string() + ": " + stored.found.tensor->name + " is packed in blocks of another size than 64, 128 ... 4096",
                    "Choose the model's 16-bit version.");
    result.blockSize = static_cast<std::int64_t>(block);
    const auto shape = state.find("shape");
    const auto size = [](const Json& value) { return value.is_number_integer() && value >= 1 && value <= (1 << 30); };
    if (shape == state.end() || !shape->is_array() || shape->size() != 2 || !size((*shape)[0]) || !size((*shape)[1]))
        return damaged(stored, "its quant_state has no shape of two sizes");
    result.rows = (*shape)[0].get<std::int64_t>(), result.columns = (*shape)[1].get<std::int64_t>();
    if (const auto type = state.find("dtype"); type != state.end() && type->is_string())
        result.type = *type == "float16" ? TensorType::F16 : *type == "float32" ? TensorType::F32 : TensorType::BF16;
    if (state.contains("nested_blocksize")) {
        result.nestedOffset = number("nested_offset");
        if (number("nested_blocksize") != kNf4NestedBlockSize || !std::isfinite(result.nestedOffset))
            return damaged(stored, "its nested_blocksize must be 256 and its nested_offset a number");
    }
    return result;
}

// The same numbers, each block of `blockSize` as several of 64.
Nf4Matrix inBlocksOf64(const Nf4Matrix& matrix, std::int64_t blockSize) {
    Nf4Matrix large = matrix; // as many blocks as there are, so that all their scales are decoded
    large.rows = matrix.absmax.numel(), large.columns = kNf4BlockSize;
    Nf4Matrix result;
    result.rows = matrix.rows, result.columns = matrix.columns, result.codes = matrix.codes;
    const std::int64_t blocks = (matrix.elements() + kNf4BlockSize - 1) / kNf4BlockSize;
    result.absmax = nf4Scales(large).repeat_interleave(blockSize / kNf4BlockSize).narrow(0, 0, blocks).contiguous();
    return result;
}

} // namespace

bool storesNf4(const ModelSource& source) {
    for (const auto& file : source.files())
        for (const TensorInfo& tensor : file->tensors())
            if (tensor.name.ends_with(kStateEnding))
                return true;
    return false;
}

bool isNf4(const ModelSource& source, const StoredTensor& stored) {
    return source.find(stored.found.tensor->name + kStateEnding).has_value();
}

Result<Nf4Description> describeNf4(const ModelSource& source, const StoredTensor& stored) {
    ATTUNE_ASSIGN(const PackedState state, readState(source, stored));
    return Nf4Description{state.rows, state.columns, state.type};
}

Result<Nf4Matrix> readNf4(const ModelSource& source, const StoredTensor& stored) {
    ATTUNE_ASSIGN(const PackedState state, readState(source, stored));
    Nf4Matrix matrix;
    matrix.rows = state.rows, matrix.columns = state.columns;
    const std::int64_t n = matrix.elements(), blocks = (n + state.blockSize - 1) / state.blockSize;
    const TensorInfo& tensor = *stored.found.tensor;
    // The codes' bytes may be declared as numbers of another type (bnb_4bit_quant_storage). Nothing is allocated before the sizes agree.
    const std::uint64_t bytes = tensor.elements() * tensorTypeBytes(tensor.type), size = tensorTypeBytes(tensor.type);
    if (bytes != (static_cast<std::uint64_t>((n + 1) / 2) + size - 1) / size * size)
        return damaged(stored, "it holds " + std::to_string(bytes) + " bytes, its shape asks for " + std::to_string((n + 1) / 2));
    ATTUNE_ASSIGN(const at::Tensor map, companion(source, stored, ".quant_map", TensorType::F32, 16));
    for (int i = 0; i < 16; ++i)
        if (std::abs(map.data_ptr<float>()[i] - kernels::kNf4Values[i]) > 1e-6f)
            return fail(ErrorCode::Unsupported, stored.found.file->path().string() + ": " + tensor.name + " uses another table than NF4",
                        "Choose the model's 16-bit version.");
    matrix.codes = at::empty({(n + 1) / 2}, at::kByte);
    ATTUNE_CHECK(stored.found.file->read(tensor, {static_cast<std::byte*>(matrix.codes.data_ptr()), matrix.codes.nbytes()}));
    if (!source.find(tensor.name + ".nested_absmax")) {
        ATTUNE_ASSIGN(matrix.absmax, companion(source, stored, ".absmax", TensorType::F32, blocks));
    } else {
        ATTUNE_ASSIGN(matrix.absmax, companion(source, stored, ".absmax", TensorType::U8, blocks));
        ATTUNE_ASSIGN(matrix.nestedAbsmax, companion(source, stored, ".nested_absmax", TensorType::F32,
                                                     (blocks + kNf4NestedBlockSize - 1) / kNf4NestedBlockSize));
        ATTUNE_ASSIGN(matrix.nestedMap, companion(source, stored, ".nested_quant_map", TensorType::F32, 256));
        matrix.nestedOffset = static_cast<float>(state.nestedOffset);
    }
    return state.blockSize == kNf4BlockSize ? matrix : inBlocksOf64(matrix, state.blockSize);
}

Status unpackNf4(const ModelSource& source, const StoredTensor& stored, const at::Tensor& target) {
    ATTUNE_ASSIGN(const Nf4Matrix matrix, readNf4(source, stored));
    if (target.sizes() != at::IntArrayRef{matrix.rows, matrix.columns})
        return damaged(stored, "its shape [" + std::to_string(matrix.rows) + ", " + std::to_string(matrix.columns) +
                                   "] is not what config.json asks for");
    dequantizeNf4(matrix, 0, target);
    return {};
}

Status readPackedPart(const ModelSource& source, const StoredTensor& stored, const CausalLm::PackedPart& target,
                      at::ScalarType compute, bool quantize) {
    const std::int64_t rows = target.part->rows, in = target.linear->inFeatures();
    if (!isNf4(source, stored)) {
        at::Tensor whole = at::empty({rows, in}, quantize ? at::kFloat : compute);
        ATTUNE_CHECK(readStored(stored, whole));
        if (quantize)
            target.part->nf4 = std::make_unique<Nf4Matrix>(quantizeNf4(whole));
        else
            target.part->plain = std::move(whole);
        return {};
    }
    ATTUNE_ASSIGN(Nf4Matrix matrix, readNf4(source, stored));
    const auto& layout = stored.layout;
    std::vector<std::int64_t> wanted = layout.rows; // of the stored weight
    if (wanted.empty() && layout.size >= 0) {
        wanted.resize(static_cast<std::size_t>(std::max<std::int64_t>(0, std::min(layout.size, rows + 1))));
        std::iota(wanted.begin(), wanted.end(), layout.begin);
    }
    const std::int64_t count = wanted.empty() ? matrix.rows : static_cast<std::int64_t>(wanted.size());
    if (matrix.columns != in || count != rows || (!wanted.empty() && *std::max_element(wanted.begin(), wanted.end()) >= matrix.rows))
        return damaged(stored, "its shape [" + std::to_string(matrix.rows) + ", " + std::to_string(matrix.columns) +
                                   "] is not what config.json asks for");
    if (wanted.empty()) {
        target.part->nf4 = std::make_unique<Nf4Matrix>(std::move(matrix));
    } else if (in % kNf4BlockSize == 0) {
        target.part->nf4 = std::make_unique<Nf4Matrix>(pickNf4Rows(matrix, wanted));
    } else { // blocks cross the rows
        const at::Tensor all = at::empty({matrix.rows, in}, at::kFloat);
        dequantizeNf4(matrix, 0, all);
        target.part->plain = all.index_select(0, at::tensor(wanted, at::kLong)).to(compute);
    }
    return {};
}

} // namespace attune
