// Safetensors files as maps of tensors, for tests that make and take apart what the exporters read and write.
#pragma once

#include <map>
#include <string>

#include <QtGlobal>

#include <ATen/ATen.h>

#include "core/base/files.h"
#include "core/model_files/safetensors.h"

namespace attune::test {

using Weights = std::map<std::string, at::Tensor>;

/// The value, or the end of the test program with the error's message.
template <class T>
T given(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

/// In f32, contiguous.
inline void writeWeights(const fs::path& file, const Weights& weights) {
    std::vector<TensorToWrite> files;
    for (const auto& entry : weights)
        files.push_back({entry.first, TensorType::F32, entry.second.sizes().vec(), [tensor = entry.second]() -> Result<std::span<const std::byte>> {
                             return std::span(static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes());
                         }});
    if (!writeSafetensors(file, files))
        qFatal("cannot write");
}

inline Weights readWeights(const fs::path& path) {
    Weights weights;
    const auto file = given(SafetensorsFile::open(path));
    for (const TensorInfo& info : file->tensors()) {
        at::Tensor& tensor = weights[info.name] = at::empty(info.shape);
        if (!file->read(info, std::span(static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()), 0))
            qFatal("cannot read");
    }
    return weights;
}

} // namespace attune::test
