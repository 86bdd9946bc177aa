#include <algorithm>
#include <cstring>

#include "core/model_files/gguf_model.h"
#include "core/model_files/gguf_names.h"

namespace attune {

namespace {

constexpr std::uint64_t kStagingBytes = std::uint64_t{1} << 20;

// How one tensor of the file becomes what we give.
struct Turned {
    const GgufTensor* stored = nullptr;
    std::int64_t headRows = 0; // > 0: rows are interleaved within heads of so many rows
};

class GgufWeights final : public TensorFile {
public:
    static Result<std::shared_ptr<const TensorFile>> make(std::shared_ptr<const GgufFile> file) {
        const std::shared_ptr<GgufWeights> weights(new GgufWeights);
        ATTUNE_CHECK(weights->prepare(std::move(file)));
        return std::shared_ptr<const TensorFile>(weights);
    }

    Status read(const TensorInfo& tensor, std::span<std::byte> out, std::uint64_t offset) const override {
        if (offset > tensor.end - tensor.begin || out.size() > tensor.end - tensor.begin - offset)
            return fail(ErrorCode::Internal, "Read past the end of tensor " + tensor.name + " of " + m_path.string());
        const Turned& turned = m_turned.at(static_cast<std::size_t>(&tensor - m_tensors.data()));
        const GgmlTypeFacts& facts = ggmlTypeFacts(turned.stored->type);
        if (!facts.readable)
            return m_file->unsupported("tensor " + tensor.name + " is stored as " + facts.name + ", which is not known here",
                                       "Ask for the model as F16, Q8_0 or Q4_K_M.");
        const std::uint64_t rowBytes = static_cast<std::uint64_t>(turned.stored->rowLength()) * tensorTypeBytes(tensor.type);
        // Row by row where rows change places, else in stretches.
        std::size_t done = 0;
        while (done < out.size()) {
            const std::uint64_t at = offset + done;
            const auto row = static_cast<std::int64_t>(at / rowBytes);
            const std::uint64_t within = at % rowBytes;
            const std::uint64_t limit = turned.headRows > 0 ? rowBytes - within : kStagingBytes;
            const std::size_t size = std::min<std::uint64_t>(out.size() - done, limit);
            const std::int64_t from = turned.headRows > 0 ? interleavedRow(row, turned.headRows) : row;
            ATTUNE_CHECK(readStretch(tensor, turned, out.subspan(done, size), static_cast<std::uint64_t>(from) * rowBytes + within));
            done += size;
        }
        return {};
    }

private:
    GgufWeights() = default;

    Status prepare(std::shared_ptr<const GgufFile> file) {
        m_file = std::move(file);
        m_path = m_file->path();
        ATTUNE_ASSIGN(const auto architecture, m_file->text("general.architecture"));
        const std::string prefix = architecture.value_or("") + ".";
        ATTUNE_ASSIGN(const auto heads, m_file->count(prefix + "attention.head_count", 1 << 20));
        ATTUNE_ASSIGN(const auto keyHeads, m_file->count(prefix + "attention.head_count_kv", 1 << 20));
        const bool interleaved = interleavesRotary(architecture.value_or(""));
        std::uint64_t position = 0;
        m_tensors.reserve(m_file->tensors().size());
        for (const GgufTensor& stored : m_file->tensors()) {
            const GgmlTypeFacts& facts = ggmlTypeFacts(stored.type);
            Turned turned{&stored};
            const bool query = stored.name.ends_with(".attn_q.weight") || stored.name.ends_with(".attn_q.bias");
            const bool key = stored.name.ends_with(".attn_k.weight") || stored.name.ends_with(".attn_k.bias");
            const std::int64_t count = query ? heads.value_or(0) : keyHeads.value_or(heads.value_or(0));
            const std::int64_t rows = stored.shape.size() > 1 ? stored.shape.front() : stored.rowLength();
            if (interleaved && (query || key)) {
                if (count < 1 || rows % count != 0 || rows / count % 2 != 0)
                    return m_file->broken("tensor " + stored.name + " has " + std::to_string(rows) + " rows, which are not " +
                                          std::to_string(count) + " heads");
                turned.headRows = rows / count;
            }
            TensorInfo info;
            info.name = stored.name;
            info.shape = stored.shape;
            if (stored.shape.size() == 3 && holdsAllExperts(stored.name))
                info.shape = {stored.shape[0] * stored.shape[1], stored.shape[2]};
            info.type = stored.type == GgmlType::F16    ? TensorType::F16
                        : stored.type == GgmlType::BF16 ? TensorType::BF16
                        : stored.type == GgmlType::F64  ? TensorType::F64
                                                        : TensorType::F32;
            if (turned.headRows > 0 && stored.shape.size() == 1)
                info.type = TensorType::F32; // numbers move singly
            if (facts.name != std::string_view(tensorTypeName(info.type)))
                info.storedAs = facts.name;
            // A block holds more numbers than bytes at most by 6: no overflow below the file's size.
            info.begin = position;
            position += stored.bytes / facts.blockBytes * facts.blockLength * tensorTypeBytes(info.type);
            info.end = position;
            m_tensors.push_back(std::move(info));
            m_turned.push_back(turned);
        }
        indexTensors();
        return {};
    }

    // Bytes [at, at + out.size()) of the tensor as it stands in the file, turned into numbers.
    Status readStretch(const TensorInfo& tensor, const Turned& turned, std::span<std::byte> out, std::uint64_t at) const {
        const GgufTensor& stored = *turned.stored;
        const bool vectorRows = turned.headRows > 0 && stored.shape.size() == 1; // a bias: single numbers change places
        if (tensor.storedAs.empty() && !vectorRows)
            return m_file->read(stored, out, at);
        const GgmlTypeFacts& facts = ggmlTypeFacts(stored.type);
        const std::uint64_t first = at / sizeof(float), last = (at + out.size() + sizeof(float) - 1) / sizeof(float);
        const std::uint64_t firstBlock = first / facts.blockLength, endBlock = (last + facts.blockLength - 1) / facts.blockLength;
        if (vectorRows)
            return readInterleavedVector(turned, out, at);
        std::vector<std::byte> bytes(static_cast<std::size_t>((endBlock - firstBlock) * facts.blockBytes));
        std::vector<float> numbers(static_cast<std::size_t>((endBlock - firstBlock) * facts.blockLength));
        ATTUNE_CHECK(m_file->read(stored, bytes, firstBlock * facts.blockBytes));
        dequantiseBlocks(stored.type, bytes, numbers);
        std::memcpy(out.data(), std::as_bytes(std::span(numbers)).data() + (at - firstBlock * facts.blockLength * sizeof(float)), out.size());
        return {};
    }

    // Biases are short: all of one is read for any part of it.
    Status readInterleavedVector(const Turned& turned, std::span<std::byte> out, std::uint64_t at) const {
        const GgufTensor& stored = *turned.stored;
        std::vector<std::byte> bytes(static_cast<std::size_t>(stored.bytes));
        std::vector<float> numbers(static_cast<std::size_t>(stored.rowLength())), ordered(numbers.size());
        ATTUNE_CHECK(m_file->read(stored, bytes, 0));
        dequantiseBlocks(stored.type, bytes, numbers);
        for (std::size_t i = 0; i < numbers.size(); ++i)
            ordered[i] = numbers[static_cast<std::size_t>(interleavedRow(static_cast<std::int64_t>(i), turned.headRows))];
        std::memcpy(out.data(), std::as_bytes(std::span(ordered)).data() + at, out.size());
        return {};
    }

    std::shared_ptr<const GgufFile> m_file;
    std::vector<Turned> m_turned; // beside m_tensors
};

} // namespace

Result<std::shared_ptr<const TensorFile>> ggufWeights(std::shared_ptr<const GgufFile> file) {
    return GgufWeights::make(std::move(file));
}

} // namespace attune
