#include "core/export/adapter_exporter.h"
#include "core/export/exporter.h"
#include "core/export/gguf_exporter.h"
#include "core/export/merged_exporter.h"
#include "core/export/nf4_exporter.h"

namespace attune {

const std::vector<std::unique_ptr<Exporter>>& builtinExporters() {
    static const std::vector<std::unique_ptr<Exporter>> kExporters = [] {
        std::vector<std::unique_ptr<Exporter>> exporters;
        exporters.push_back(makeAdapterExporter());
        exporters.push_back(makeMergedExporter());
        exporters.push_back(makeGgufExporter());
        exporters.push_back(makeNf4Exporter());
        return exporters;
    }();
    return kExporters;
}

const Exporter* findExporter(std::string_view id) {
    for (const auto& exporter : builtinExporters())
        if (exporter->description().id == id)
            return exporter.get();
    return nullptr;
}

} // namespace attune
