// A model folder in Hugging Face layout: config, weights in one or several safetensors files, found and checked before use.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/model_files/safetensors.h"

namespace attune {

class ModelSource {
public:
    /// Errors: NotFound (no config.json, no weights, a shard of the index missing), InvalidData, Unsupported (only .bin / .pt / .pth /
    /// .ckpt weights: these formats can run code; the hint says what to ask the publisher for).
    static Result<ModelSource> open(const fs::path& folder);

    const fs::path& folder() const { return m_folder; }
    const Json& config() const { return m_config; }                      // config.json
    const std::optional<Json>& generationConfig() const { return m_generationConfig; }
    const std::vector<std::shared_ptr<const SafetensorsFile>>& files() const { return m_files; }

    struct Found {
        const SafetensorsFile* file = nullptr;
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
    std::vector<std::shared_ptr<const SafetensorsFile>> m_files;
};

} // namespace attune
