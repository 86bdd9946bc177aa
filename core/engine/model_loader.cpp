#include "core/engine/model_loader.h"

#include "core/engine/process_memory.h"
#include "core/export/peft_adapter.h"

namespace attune {

Result<ModelParts> readModelParts(const std::string& folder) {
    ATTUNE_ASSIGN(ModelSource source, ModelSource::open(folder));
    ATTUNE_ASSIGN(ModelConfig config, readModelConfig(source));
    ATTUNE_ASSIGN(std::shared_ptr<const Tokenizer> tokenizer, Tokenizer::load(folder));
    if (tokenizer->vocabularySize() > static_cast<std::size_t>(config.vocabularySize))
        return fail(ErrorCode::InvalidData,
                    folder + ": the tokenizer does not fit the model: it has " +
                        std::to_string(tokenizer->vocabularySize()) + " tokens, the model embeds " +
                        std::to_string(config.vocabularySize),
                    "Put the tokenizer files that belong to this model into its folder.");
    ATTUNE_ASSIGN(PromptFormat format, PromptFormat::forTokenizer(tokenizer));
    std::vector<TokenId> stops;
    for (const std::int64_t id : config.eosIds)
        if (id < config.vocabularySize)
            stops.push_back(static_cast<TokenId>(id));
    format.addStopIds(stops);
    return ModelParts{std::move(source), std::move(config), std::move(tokenizer), std::move(format)};
}

Result<fs::path> findAdapterFolder(const fs::path& adapter) {
    std::error_code error;
    for (const fs::path& folder : {adapter, adapter / "adapter"})
        if (fs::exists(folder / kPeftConfigFile, error))
            return folder;
    return fail(ErrorCode::NotFound, adapter.string() + " holds no adapter (" + kPeftConfigFile + ")",
                "Choose an adapter's folder in PEFT layout, or the folder of a finished LoRA run.");
}

Result<LoadedModel> loadModel(const LoadOptions& options) {
    const bool fourBits = options.precision == "nf4";
    ATTUNE_ASSIGN(const at::ScalarType dtype, computeType(fourBits ? "auto" : options.precision));
    const ComputeSettings settings{dtype, at::kCPU, fourBits ? LinearFormat::Nf4 : options.linears};
    ATTUNE_ASSIGN(ModelParts parts, readModelParts(options.model));
    const ModelFamily* family = findFamily(parts.config.architecture);
    ATTUNE_ASSIGN(std::unique_ptr<CausalLm> model,
                  readModel(parts.source, settings, options.stop, options.progress));
    returnFreedMemory();
    ATTUNE_ASSIGN(std::string modelHash, parts.source.fingerprint());
    std::string adapterHash;
    if (!options.adapter.empty()) {
        ATTUNE_ASSIGN(const fs::path folder, findAdapterFolder(options.adapter));
        ATTUNE_CHECK(readPeftAdapter(folder, *family, *model));
        ATTUNE_ASSIGN(adapterHash, hashFile(folder / kPeftWeightsFile));
    }
    return LoadedModel{std::move(parts.source), family,
                       std::move(model),        std::move(parts.tokenizer),
                       std::move(parts.format), std::move(modelHash),
                       std::move(adapterHash)};
}

} // namespace attune
