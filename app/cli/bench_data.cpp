// attune-cli bench tokenize and bench import: the two torch-free benchmarks.
#include <algorithm>
#include <chrono>
#include <vector>

#include "app/cli/commands.h"
#include "core/base/files.h"
#include "core/engine/process_memory.h"
#include "core/store/bench_import.h"
#include "core/text/tokenizer.h"

namespace attune::cli {

namespace {

using Clock = std::chrono::steady_clock;

struct TokenizeOptions {
    std::string model, file;
    int repeat = 3;
};

// One thread, whole lines: what importing and training see. The first pass fills the word cache; of the later ones the median counts.
Result<Json> benchTokenize(const TokenizeOptions& options, const Cli& cli) {
    ATTUNE_ASSIGN(const auto tokenizer, Tokenizer::load(options.model));
    ATTUNE_ASSIGN(const std::string text, readFile(options.file));
    if (text.empty())
        return fail(ErrorCode::InvalidArgument, options.file + " is empty: there is nothing to measure", "Give a text file with content.");
    std::vector<double> passes;
    std::size_t tokens = 0;
    while (static_cast<int>(passes.size()) < options.repeat && !cli.stop.stop_requested()) {
        const auto start = Clock::now();
        tokens = 0;
        for (std::size_t begin = 0; begin < text.size();) {
            const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
            ATTUNE_ASSIGN(const Encoding encoding, tokenizer->encode(std::string_view(text).substr(begin, end - begin)));
            tokens += encoding.ids.size();
            begin = end;
        }
        passes.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    if (passes.empty())
        return fail(ErrorCode::Cancelled, "The benchmark was stopped before its first pass.", "Run it again.");
    const double first = passes.front();
    if (passes.size() > 1)
        passes.erase(passes.begin());
    std::sort(passes.begin(), passes.end());
    const double seconds = passes[passes.size() / 2];
    const auto bytes = static_cast<double>(text.size());
    return Json{{"tokens_per_second", static_cast<double>(tokens) / seconds}, {"bytes_per_second", bytes / seconds},
                {"bytes_per_second_first", bytes / first},                    {"bytes", text.size()},
                {"tokens", tokens},                                           {"peak_bytes", peakResidentBytes()}};
}

} // namespace

// Such work is not made of matrix products: the machine's rate is there to compare machines by, and no share of it is claimed.
void printWithRate(Result<Json> result, Cli& cli) {
    if (result) {
        if (auto gemm = cli.engine().bench("gemm", Json::object(), cli.stop)) {
            result->update(*gemm);
            (*result)["limit_share"] = nullptr;
        } else {
            result = fail(gemm.error());
        }
    }
    if (!result)
        cli.exitStatus = report(result.error());
    else
        printBench(*result, cli);
}

void addBenchTokenizeTo(CLI::App& benchCommand, Cli& cli) {
    auto* command = benchCommand.add_subcommand("tokenize", "Tokenizer throughput on one core");
    auto options = std::make_shared<TokenizeOptions>();
    command->add_option("--model", options->model, "Folder with the tokenizer")->required();
    command->add_option("file", options->file, "Text file")->required();
    command->add_option("--repeat", options->repeat, "Times the file is tokenised; the median without the first counts")->capture_default_str()->check(CLI::Range(1, 1000));
    command->callback([options, &cli] {
        printWithRate(benchTokenize(*options, cli), cli);
    });
}

void addBenchImportTo(CLI::App& benchCommand, Cli& cli) {
    auto* command = benchCommand.add_subcommand("import", "Rows and bytes a second from a file into a project");
    struct ImportOptions {
        std::string file;
        std::int64_t rows = 1'000'000;
    };
    auto options = std::make_shared<ImportOptions>();
    command->add_option("file", options->file, "File to import (default: generated JSONL); it is only read");
    command->add_option("--rows", options->rows, "Without a file: rows to make and import")->capture_default_str()->check(CLI::Range(1, 100'000'000));
    command->callback([options, &cli] {
        auto result = benchImport(options->file, options->rows, cli.stop);
        if (result)
            (*result)["tokens_per_second"] = nullptr; // an import counts rows
        printWithRate(std::move(result), cli);
    });
}

} // namespace attune::cli
