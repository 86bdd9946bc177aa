#include "core/model_files/model_source.h"

#include <algorithm>
#include <set>

#include "core/model_files/gguf_model.h"

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
    std::string unsafeFile, gguf;
    bool adapter = false;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string(), extension = it->path().extension().string();
        if (nameOfFormatThatRunsCode(it->path()) && name != "training_args.bin" && (unsafeFile.empty() || name < unsafeFile))
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
            kAskForSafetensors);
    if (!gguf.empty())
        return fail(ErrorCode::InvalidArgument, folder.string() + " has no config.json; " + gguf + " in it is a model by itself",
                    "Choose the file instead of its folder.");
    return fail(ErrorCode::NotFound, folder.string() + " has no weights (" + kSingleFile + " or " + kIndexFile + ")",
                "Choose a complete model folder in Hugging Face layout.");
}

Result<std::vector<std::shared_ptr<const TensorFile>>> openShards(const fs::path& folder) {
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
    std::vector<std::shared_ptr<const TensorFile>> files;
    std::map<std::string_view, const TensorFile*> owner;
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

// A file that is no GGUF file: says what it is and what to choose instead.
tl::unexpected<Error> notAModelFile(const fs::path& path) {
    const auto code = formatThatRunsCode(path);
    if (code || nameOfFormatThatRunsCode(path))
        return fail(ErrorCode::Unsupported, path.string() + " is " + code.value_or("a PyTorch file") + ", a format that can run code when it is opened",
                    kAskForSafetensors);
    if (path.extension() == ".safetensors")
        return fail(ErrorCode::InvalidArgument, path.string() + " holds weights only; config and tokenizer lie beside it",
                    "Choose its folder.");
    return fail(ErrorCode::InvalidArgument, path.string() + " is not a model", "Choose a model folder in Hugging Face layout, or a .gguf file.");
}

} // namespace

Result<ModelSource> ModelSource::openGguf(const fs::path& path) {
    ModelSource source;
    source.m_folder = path;
    ATTUNE_ASSIGN(source.m_gguf, GgufFile::open(path));
    ATTUNE_ASSIGN(source.m_config, ggufConfig(*source.m_gguf));
    ATTUNE_ASSIGN(std::shared_ptr<const TensorFile> weights, ggufWeights(source.m_gguf));
    source.m_files.push_back(std::move(weights));
    return source;
}

Result<ModelSource> ModelSource::open(const fs::path& folder) {
    std::error_code error;
    if (fs::is_regular_file(folder, error))
        return GgufFile::looksLike(folder) ? openGguf(folder) : notAModelFile(folder);
    if (!fs::is_directory(folder, error))
        return fail(ErrorCode::NotFound, folder.string() + (fs::exists(folder, error) ? " is no file and no folder" : " does not exist"),
                    "Choose a model folder in Hugging Face layout, or a .gguf file.");
    ModelSource source;
    source.m_folder = folder;
    JsonLimits limits;
    limits.maxBytes = 16 << 20;
    if (!fs::exists(folder / "config.json", error)) {
        const bool gguf = std::any_of(fs::directory_iterator(folder, error), fs::directory_iterator(),
                                      [](const fs::directory_entry& entry) { return entry.path().extension() == ".gguf"; });
        if (gguf || fs::exists(folder / "adapter_config.json", error))
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

Result<std::vector<std::pair<std::string, std::string>>> ModelSource::replacedFiles() const {
    std::vector<std::pair<std::string, std::string>> files;
    if (!m_gguf)
        return files;
    const auto text = [](const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; };
    files.emplace_back("config.json", text(m_config));
    ATTUNE_ASSIGN(const GgufTokenizerFiles tokenizer, ggufTokenizer(*m_gguf));
    files.emplace_back("tokenizer.json", text(tokenizer.tokenizer));
    files.emplace_back("tokenizer_config.json", text(tokenizer.config));
    return files;
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
