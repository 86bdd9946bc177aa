#include "core/export/nf4_reader.h"

#include <algorithm>
#include <cmath>

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
    double nestedOffset = 0;
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
    if (number("blocksize") != kNf4BlockSize)
        return fail(ErrorCode::Unsupported,
                    stored.found.file->path().string() + ": " + stored.found.tensor->name + " is packed in blocks of another size than 64",
                    "Choose the model's 16-bit version.");
    PackedState result;
    const auto shape = state.find("shape");
    const auto size = [](const Json& value) { return value.is_number_integer() && value >= 1 && value <= (1 << 30); };
    if (shape == state.end() || !shape->is_array() || shape->size() != 2 || !size((*shape)[0]) || !size((*shape)[1]))
        return damaged(stored, "its quant_state has no shape of two sizes");
    result.rows = (*shape)[0].get<std::int64_t>(), result.columns = (*shape)[1].get<std::int64_t>();
    if (state.contains("nested_blocksize")) {
        result.nestedOffset = number("nested_offset");
        if (number("nested_blocksize") != kNf4NestedBlockSize || !std::isfinite(result.nestedOffset))
            return damaged(stored, "its nested_blocksize must be 256 and its nested_offset a number");
    }
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
    return stored.found.tensor->type == TensorType::U8 && source.find(stored.found.tensor->name + kStateEnding);
}

Result<Nf4Matrix> readNf4(const ModelSource& source, const StoredTensor& stored) {
    ATTUNE_ASSIGN(const PackedState state, readState(source, stored));
    Nf4Matrix matrix;
    matrix.rows = state.rows, matrix.columns = state.columns;
    const std::int64_t n = matrix.elements(), blocks = (n + kNf4BlockSize - 1) / kNf4BlockSize;
    const TensorInfo& tensor = *stored.found.tensor;
    if (tensor.elements() != static_cast<std::uint64_t>((n + 1) / 2)) // nothing is allocated before this holds
        return damaged(stored, "it holds " + std::to_string(tensor.elements()) + " bytes, its shape asks for " + std::to_string((n + 1) / 2));
    ATTUNE_ASSIGN(const at::Tensor map, companion(source, stored, ".quant_map", TensorType::F32, 16));
    for (int i = 0; i < 16; ++i)
        if (std::abs(map.data_ptr<float>()[i] - kernels::kNf4Values[i]) > 1e-6f)
            return fail(ErrorCode::Unsupported, stored.found.file->path().string() + ": " + tensor.name + " uses another table than NF4",
                        "Choose the model's 16-bit version.");
    matrix.codes = at::empty({(n + 1) / 2}, at::kByte);
    ATTUNE_CHECK(stored.found.file->read(tensor, {static_cast<std::byte*>(matrix.codes.data_ptr()), matrix.codes.nbytes()}));
    if (!source.find(tensor.name + ".nested_absmax")) {
        ATTUNE_ASSIGN(matrix.absmax, companion(source, stored, ".absmax", TensorType::F32, blocks));
        return matrix;
    }
    ATTUNE_ASSIGN(matrix.absmax, companion(source, stored, ".absmax", TensorType::U8, blocks));
    ATTUNE_ASSIGN(matrix.nestedAbsmax, companion(source, stored, ".nested_absmax", TensorType::F32,
                                                 (blocks + kNf4NestedBlockSize - 1) / kNf4NestedBlockSize));
    ATTUNE_ASSIGN(matrix.nestedMap, companion(source, stored, ".nested_quant_map", TensorType::F32, 256));
    matrix.nestedOffset = static_cast<float>(state.nestedOffset);
    return matrix;
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
    const std::int64_t begin = layout.size < 0 ? 0 : layout.begin, size = layout.size < 0 ? matrix.rows : layout.size;
    if (layout.transposed || matrix.columns != in || size != rows || begin + size > matrix.rows)
        return damaged(stored, "its shape [" + std::to_string(matrix.rows) + ", " + std::to_string(matrix.columns) +
                                   "] is not what config.json asks for");
    if (size == matrix.rows) {
        target.part->nf4 = std::make_unique<Nf4Matrix>(std::move(matrix));
        return {};
    }
    // Some rows of a stored weight: their blocks may begin anywhere, so they are unpacked once.
    target.part->plain = at::empty({rows, in}, compute);
    dequantizeNf4(matrix, begin, target.part->plain);
    return {};
}

} // namespace attune
