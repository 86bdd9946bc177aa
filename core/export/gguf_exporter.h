// Exporter "gguf": one file for llama.cpp, Ollama and what is built on them, with the training folded into its weights, and a Modelfile.
#pragma once

#include "core/export/exporter.h"

namespace attune {

std::unique_ptr<Exporter> makeGgufExporter();

} // namespace attune
