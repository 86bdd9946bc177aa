#include "core/export/merged_exporter.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/export/whole_model.h"

namespace attune {

namespace {

class MergedExporter final : public Exporter {
public:
    explicit MergedExporter(std::uint64_t limit) : m_limit(limit) {}

    const Described& description() const override {
        static const Described kDescription{
            "merged",
            "Merged model (safetensors)",
            "A complete model folder with the training folded into its weights; opens wherever the base model does.",
            {shardParam()}};
        return kDescription;
    }

    Result<std::vector<std::string>> write(const ExportInput& input, const fs::path& folder,
                                           const Progress& progress) const override {
        ATTUNE_CHECK(prepareFolder(input, folder));
        ATTUNE_CHECK(checkMergeable(input.model));
        ATTUNE_ASSIGN(const auto tensors, wholeTensors(input));
        std::vector<TensorGroup> groups;
        double done = 0;
        const auto total = static_cast<double>(std::max<std::uint64_t>(1, input.base.weightBytes()));
        at::Tensor current; // the tensor being written, one at a time
        for (const WholeTensor& tensor : tensors)
            groups.push_back({{tensor.name, tensor.type, tensor.shape, [&]() -> Result<std::span<const std::byte>> {
                                   if (progress.cancelled())
                                       return fail(ErrorCode::Cancelled, "The export was cancelled");
                                   progress.report(std::min(1.0, done / total), "Merging the weights");
                                   current.reset(); // before the next comes
                                   ATTUNE_ASSIGN(const at::Tensor value, wholeValue(tensor));
                                   ATTUNE_ASSIGN(current, rounded(tensor, value));
                                   done += static_cast<double>(current.nbytes());
                                   return std::span(static_cast<const std::byte*>(current.data_ptr()), current.nbytes());
                               }}});
        for (TensorGroup& group : scoreHeadGroup(input.model))
            groups.push_back(std::move(group));
        ATTUNE_ASSIGN(std::vector<std::string> files, writeShards(folder, groups, shardBytes(input.options, m_limit)));
        ATTUNE_ASSIGN(const auto small, writeSmallFiles(input, folder));
        files.insert(files.end(), small.begin(), small.end());
        return files;
    }

    Result<std::unique_ptr<CausalLm>> reload(const ExportInput&, const fs::path& folder,
                                             const ComputeSettings& settings) const override {
        ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(folder));
        return readModel(source, settings);
    }

private:
    std::uint64_t m_limit;
};

} // namespace

std::unique_ptr<Exporter> makeMergedExporter() {
    return makeMergedExporter(kShardBytes);
}
std::unique_ptr<Exporter> makeMergedExporter(std::uint64_t shardBytes) {
    return std::make_unique<MergedExporter>(shardBytes);
}

} // namespace attune
