#include "core/model_files/model_source.h"

#include <algorithm>
#include <set>

namespace attune {

namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// A shard name comes from a downloaded file and must not lead out of the model's folder.
bool plainFileName(const std::string& name) {
    return !name.empty() && name.size() <= 255 && name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\\') == std::string::npos &&
           std::none_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

// No safetensors weights: says what is there instead and what to do about it.
tl::unexpected<Error> withoutWeights(const fs::path& folder) {
    static const std::set<std::string> kUnsafe{".bin", ".pt", ".pth", ".ckpt"};
    std::string unsafeFile, gguf;
    bool adapter = false;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string(), extension = it->path().extension().string();
        if (kUnsafe.contains(extension) && name != "training_args.bin" && (unsafeFile.empty() || name < unsafeFile))
            unsafeFile = name;
        if (extension == ".gguf")
            gguf = name;
        adapter = adapter || name == "adapter_config.json";
    }
    if (adapter)
        return fail(ErrorCode::NotFound, folder.string() + " holds an adapter, not a whole model",
                    "Choose the folder of the base model; give this one as the adapter.");
    if (!unsafeFile.empty())
        return fail(
            ErrorCode::Unsupported, (folder / unsafeFile).string() + " is a format that can run code when it is opened",
            "Ask the publisher for the .safetensors file, or convert it on a machine that holds nothing of value.");
    if (!gguf.empty())
        return fail(ErrorCode::Unsupported, (folder / gguf).string() + " is a GGUF file, which cannot be trained",
                    "Download the original model in Hugging Face layout (config.json and model.safetensors).");
    return fail(ErrorCode::NotFound, folder.string() + " has no weights (" + kSingleFile + " or " + kIndexFile + ")",
                "Choose a complete model folder in Hugging Face layout.");
}

Result<std::vector<std::shared_ptr<const SafetensorsFile>>> openShards(const fs::path& folder) {
    const fs::path indexPath = folder / kIndexFile;
    JsonLimits limits;
    limits.maxBytes = 100'000'000;
    limits.maxDepth = 8;
    limits.maxValues = 1'000'000;
    ATTUNE_ASSIGN(const Json index, readJsonFile(indexPath, limits));
    const auto bad = [&](const std::string& what) {
        return fail(ErrorCode::InvalidData, indexPath.string() + ": " + what, "Download the model again.");
    };
    const auto map = index.is_object() ? index.find("weight_map") : index.end();
    if (!index.is_object() || map == index.end() || !map->is_object() || map->empty())
        return bad("it has no weight_map");
    std::set<std::string> names;
    for (const auto& [tensor, file] : map->items()) {
        if (!file.is_string() || !plainFileName(file.get<std::string>()))
            return bad("the file of tensor \"" + tensor.substr(0, 120) + "\" is not a plain file name");
        names.insert(file.get<std::string>());
    }
    std::vector<std::shared_ptr<const SafetensorsFile>> files;
    std::map<std::string_view, const SafetensorsFile*> owner;
    for (const std::string& name : names) {
        auto file = SafetensorsFile::open(folder / name);
        if (!file && file.error().code == ErrorCode::NotFound)
            return fail(ErrorCode::NotFound, indexPath.string() + " names " + name + ", which is not in the folder",
                        "The download is incomplete; fetch the missing file.");
        if (!file)
            return fail(std::move(file).error());
        for (const TensorInfo& tensor : (*file)->tensors())
            if (!owner.emplace(tensor.name, file->get()).second)
                return bad("tensor \"" + tensor.name.substr(0, 120) + "\" is stored in two of its files");
        files.push_back(std::move(*file));
    }
    for (const auto& [tensor, file] : map->items()) {
        const auto found = owner.find(tensor);
        if (found == owner.end() || found->second->path().filename() != file.get<std::string>())
            return bad("tensor \"" + tensor.substr(0, 120) + "\" is not in " + file.get<std::string>());
    }
    return files;
}

} // namespace

Result<ModelSource> ModelSource::open(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error))
        return fail(ErrorCode::NotFound, folder.string() + " is not a folder",
                    "Choose a model folder in Hugging Face layout.");
    ModelSource source;
    source.m_folder = folder;
    JsonLimits limits;
    limits.maxBytes = 16 << 20;
    if (!fs::exists(folder / "config.json", error)) {
        if (fs::exists(folder / "adapter_config.json", error))
            return withoutWeights(folder);
        return fail(ErrorCode::NotFound, folder.string() + " has no config.json",
                    "Choose a complete model folder in Hugging Face layout.");
    }
    ATTUNE_ASSIGN(source.m_config, readJsonFile(folder / "config.json", limits));
    if (!source.m_config.is_object())
        return fail(ErrorCode::InvalidData, (folder / "config.json").string() + " is not a JSON object",
                    "Download it again.");
    if (fs::exists(folder / "generation_config.json", error)) {
        ATTUNE_ASSIGN(source.m_generationConfig, readJsonFile(folder / "generation_config.json", limits));
        if (!source.m_generationConfig->is_object())
            return fail(ErrorCode::InvalidData, (folder / "generation_config.json").string() + " is not a JSON object",
                        "Download it again, or remove it.");
    }
    if (fs::exists(folder / kSingleFile, error)) {
        ATTUNE_ASSIGN(std::shared_ptr<const SafetensorsFile> file, SafetensorsFile::open(folder / kSingleFile));
        source.m_files.push_back(std::move(file));
    } else if (fs::exists(folder / kIndexFile, error)) {
        ATTUNE_ASSIGN(source.m_files, openShards(folder));
    } else {
        return withoutWeights(folder);
    }
    return source;
}

std::optional<ModelSource::Found> ModelSource::find(std::string_view name) const {
    for (const auto& file : m_files)
        if (const TensorInfo* tensor = file->find(name))
            return Found{file.get(), tensor};
    return std::nullopt;
}

std::vector<std::string> ModelSource::tensorNames() const {
    std::vector<std::string> names;
    for (const auto& file : m_files)
        for (const TensorInfo& tensor : file->tensors())
            names.push_back(tensor.name);
    return names;
}

std::uint64_t ModelSource::weightBytes() const {
    std::uint64_t bytes = 0;
    for (const auto& file : m_files)
        for (const TensorInfo& tensor : file->tensors())
            bytes += tensor.end - tensor.begin;
    return bytes;
}

Result<std::string> ModelSource::fingerprint() const {
    constexpr std::uint64_t kSample = 1024; // bytes at the start, middle and end of each tensor
    std::string identity = m_config.dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string bytes;
    for (const auto& file : m_files) {
        for (const TensorInfo& tensor : file->tensors()) {
            identity += '\n' + tensor.name + ' ' + tensorTypeName(tensor.type);
            for (const std::int64_t size : tensor.shape)
                identity += ' ' + std::to_string(size);
            const std::uint64_t total = tensor.end - tensor.begin, length = std::min(total, kSample);
            for (const std::uint64_t offset : {std::uint64_t{0}, (total - length) / 2, total - length}) {
                bytes.resize(static_cast<std::size_t>(length));
                ATTUNE_CHECK(file->read(tensor, std::as_writable_bytes(std::span(bytes)), offset));
                identity += hashBytes(bytes);
            }
        }
    }
    return hashBytes(identity);
}

} // namespace attune
