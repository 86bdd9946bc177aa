#include "core/export/adapter_exporter.h"

#include "core/export/peft_adapter.h"
#include "core/export/weight_reader.h"

namespace attune {

namespace {

class AdapterExporter final : public Exporter {
public:
    const Described& description() const override {
        static const Described kDescription{
            "adapter",
            "Adapter (PEFT)",
            "A small file beside the unchanged base model; opens in PEFT, transformers, vLLM and others.",
            {}};
        return kDescription;
    }

    Result<std::vector<std::string>> write(const ExportInput& input, const fs::path& folder,
                                           const Progress& progress) const override {
        progress.report(0, "Writing the adapter");
        return writePeftAdapter(folder, input.family, input.model, input.baseModelName);
    }

    Result<std::unique_ptr<CausalLm>> reload(const ExportInput& input, const fs::path& folder,
                                             const ComputeSettings& settings) const override {
        ATTUNE_ASSIGN(std::unique_ptr<CausalLm> model, readModel(input.base, settings));
        ATTUNE_CHECK(readPeftAdapter(folder, input.family, *model));
        return model;
    }
};

} // namespace

std::unique_ptr<Exporter> makeAdapterExporter() {
    return std::make_unique<AdapterExporter>();
}

} // namespace attune
