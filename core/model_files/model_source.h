// A base model as a user brings it: a folder in Hugging Face layout (config, weights in one or several safetensors files) or one GGUF
// file, found and checked before use.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/model_files/gguf.h"
#include "core/model_files/safetensors.h"

namespace attune {

class ModelSource {
public:
    /// `path`: the folder or the GGUF file. Errors: NotFound (no config.json, no weights, a shard of the index missing), InvalidData,
    /// Unsupported (only .bin / .pt / .pth / .ckpt weights: these formats can run code; the hint says what to ask the publisher for).
    static Result<ModelSource> open(const fs::path& path);

    const fs::path& folder() const { return m_folder; } // or the GGUF file
    const Json& config() const { return m_config; }     // config.json, or what it would be
    const std::optional<Json>& generationConfig() const { return m_generationConfig; }
    const std::vector<std::shared_ptr<const TensorFile>>& files() const { return m_files; }
    /// The GGUF file the model comes from, or nullptr. Its tensors then have GGUF's names (gguf_names.h), not those of the config's family.
    const std::shared_ptr<const GgufFile>& gguf() const { return m_gguf; }
    /// The small files beside the weights that a GGUF file replaces, name and content: config.json, tokenizer.json,
    /// tokenizer_config.json. Empty for a folder, which has them. Errors: as ggufTokenizer.
    Result<std::vector<std::pair<std::string, std::string>>> replacedFiles() const;

    struct Found {
        const TensorFile* file = nullptr;
        const TensorInfo* tensor = nullptr;
    };
    std::optional<Found> find(std::string_view name) const;
    std::vector<std::string> tensorNames() const;
    std::uint64_t weightBytes() const;
    /// Identity of config and weights (from sizes, headers and content samples; the full hash is hashFile's work).
    Result<std::string> fingerprint() const;

private:
    fs::path m_folder;
    Json m_config;
    std::optional<Json> m_generationConfig;
    static Result<ModelSource> openGguf(const fs::path& path);

    std::vector<std::shared_ptr<const TensorFile>> m_files;
    std::shared_ptr<const GgufFile> m_gguf;
};

} // namespace attune
