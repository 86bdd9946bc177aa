#include "core/families/named_family.h"

#include <algorithm>

namespace attune {

namespace {

constexpr std::string_view kCanonicalLayers = "model.layers.", kCanonicalEmbedding = "model.embed_tokens",
                           kCanonicalHead = "lm_head", kCanonicalExperts = "mlp.experts.";

// "model.layers.3.mlp.up_proj" -> "3" and "mlp.up_proj"; both empty when it is not of a layer.
std::pair<std::string_view, std::string_view> layerOf(std::string_view module) {
    if (!module.starts_with(kCanonicalLayers))
        return {};
    module.remove_prefix(kCanonicalLayers.size());
    const auto dot = module.find('.');
    if (dot == std::string_view::npos)
        return {};
    return {module.substr(0, dot), module.substr(dot + 1)};
}

std::string_view renamed(const std::vector<std::pair<std::string_view, std::string_view>>& names, std::string_view name) {
    for (const auto& [canonical, disk] : names)
        if (canonical == name)
            return disk;
    return name;
}

} // namespace

std::string NamedFamily::diskModule(std::string_view canonicalModule) const {
    const auto [number, module] = layerOf(canonicalModule);
    if (number.empty())
        return std::string(renamed(m_names.outside, canonicalModule));
    if (module.starts_with(kCanonicalExperts)) {
        const std::string_view expert = module.substr(kCanonicalExperts.size());
        const auto dot = std::min(expert.find('.'), expert.size() - 1);
        return std::string(m_names.layers) + std::string(number) + "." + std::string(m_names.experts) +
               std::string(expert.substr(0, dot + 1)) + std::string(renamed(m_names.inExpert, expert.substr(dot + 1)));
    }
    return std::string(m_names.layers) + std::string(number) + "." + std::string(renamed(m_names.inLayer, module));
}

void NamedFamily::locate(std::string_view, const ModelConfig&, DiskTensor&) const {}

std::vector<ModelFamily::DiskTensor> NamedFamily::diskTensors(std::string_view canonicalName,
                                                              const ModelConfig& config) const {
    const auto dot = canonicalName.rfind('.');
    if (dot == std::string_view::npos)
        return {};
    const std::string_view module = canonicalName.substr(0, dot), kind = canonicalName.substr(dot);
    std::vector<std::string_view> modules{module};
    if (config.tiedHead && kind == ".weight" && (module == kCanonicalEmbedding || module == kCanonicalHead))
        modules = {kCanonicalEmbedding, kCanonicalHead};
    std::vector<DiskTensor> found;
    for (const std::string_view each : modules) {
        DiskTensor tensor;
        const auto inLayer = layerOf(each).second;
        locate(inLayer.empty() ? each : inLayer, config, tensor);
        tensor.name = diskModule(each) + std::string(kind);
        found.push_back(tensor);
        if (tensor.name.starts_with(m_names.body)) { // saved from the bare model, without its head's wrapper
            tensor.name.erase(0, m_names.body.size());
            found.push_back(std::move(tensor));
        }
    }
    return found;
}

std::string NamedFamily::peftModule(std::string_view canonicalModule, const ModelConfig&) const {
    return diskModule(canonicalModule);
}

bool NamedFamily::ignorable(std::string_view diskName, const ModelConfig& config) const {
    if (diskName.ends_with("rotary_emb.inv_freq"))
        return true;
    if (!config.tiedHead)
        return false;
    const std::string embedding = diskModule(kCanonicalEmbedding) + ".weight", head = diskModule(kCanonicalHead) + ".weight";
    return diskName == head || diskName == embedding ||
           (embedding.starts_with(m_names.body) && diskName == embedding.substr(m_names.body.size()));
}

std::vector<std::int64_t> headRows(const ModelConfig& config, std::int64_t heads, std::int64_t begin, std::int64_t stride,
                                   bool rotated) {
    const std::int64_t half = config.headDim / 2, turning = (rotated ? config.rotatedDim() : config.headDim) / 2;
    const auto storedElement = [&](std::int64_t element) { // the pairs (i, i + turning) and the rest, as (i, i + half)
        const std::int64_t i = element % half, second = element / half;
        return i < turning ? i + second * turning : 2 * turning + (i - turning) + second * (half - turning);
    };
    std::vector<std::int64_t> rows;
    rows.reserve(static_cast<std::size_t>(heads * config.headDim));
    for (std::int64_t head = 0; head < heads; ++head)
        for (std::int64_t element = 0; element < config.headDim; ++element)
            rows.push_back(begin + head * stride + storedElement(element));
    return rows;
}

void locateRotatedHeads(std::string_view module, const ModelConfig& config, ModelFamily::DiskTensor& tensor) {
    if (config.rotaryDim == 0)
        return;
    if (module == "self_attn.q_proj")
        tensor.rows = headRows(config, config.heads, 0, config.headDim, true);
    else if (module == "self_attn.k_proj")
        tensor.rows = headRows(config, config.kvHeads, 0, config.headDim, true);
}

void locateNormsWithoutOne(std::string_view module, ModelFamily::DiskTensor& tensor) {
    if (module.ends_with("norm"))
        tensor.offset = 1.0;
}

} // namespace attune
