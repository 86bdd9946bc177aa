// Weights that a file holds in 4 bits (bitsandbytes, NF4): the packed bytes and the tensors beside them that say how to
// read them. Engine thread.
#pragma once

#include <array>
#include <string>

#include "core/export/weight_reader.h"
#include "core/nn/nf4.h"

namespace attune {

/// Endings of the tensors beside a packed weight "<layer>.weight".
inline constexpr std::array<const char*, 5> kNf4StateEndings{".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map",
                                                             ".quant_state.bitsandbytes__nf4"};
/// Whether any weight of the folder is packed.
bool storesNf4(const ModelSource& source);
/// Whether this one is.
bool isNf4(const ModelSource& source, const StoredTensor& stored);

/// What the codes stand for: [rows, columns] = [out, in] (also where the plain weight is stored transposed), rounded from `type`.
struct Nf4Description {
    std::int64_t rows = 0, columns = 0;
    TensorType type = TensorType::BF16;
};
/// Errors: as readNf4.
Result<Nf4Description> describeNf4(const ModelSource& source, const StoredTensor& stored);

/// The stored weight, whole. Blocks of 128, 256 ... numbers become several of 64 with the same scale. Errors: InvalidData (sizes that do
/// not fit together, a missing or damaged part, named), Unsupported (blocks of 32, another table), Io.
Result<Nf4Matrix> readNf4(const ModelSource& source, const StoredTensor& stored);

/// The same unpacked into `target` [out, in], any floating type. Errors: as readNf4, and InvalidData (another shape).
Status unpackNf4(const ModelSource& source, const StoredTensor& stored, const at::Tensor& target);

/// The weight of one part of a packed layer: packed as stored when the file holds it so (some of its rows, or in another order, too,
/// unless blocks cross the rows: then unpacked into the compute type); else rounded to 4 bits with `quantize`, or kept in the model's compute
/// type. Errors: as readNf4 and readStored.
Status readPackedPart(const ModelSource& source, const StoredTensor& stored, const CausalLm::PackedPart& target,
                      at::ScalarType compute, bool quantize);

} // namespace attune
