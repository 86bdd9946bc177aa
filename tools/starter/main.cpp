// attune-make-starter: writes the corpus and the tokenizer of the starter model and the sample project's data.
#include <iostream>

#include <CLI/CLI.hpp>

#include "tools/starter/bpe_trainer.h"
#include "tools/starter/corpus.h"
#include "tools/starter/model_files.h"
#include "tools/starter/sample_project.h"

using namespace attune;
using namespace attune::starter;

namespace {

Status makeCorpus(const std::string& out, const CorpusOptions& options) {
    ATTUNE_ASSIGN(const CorpusReport report, writeCorpus(out, options));
    std::cout << report.rows << " rows (" << report.validationRows << " for validation, " << report.repeatedRows
              << " repeated ones left out), " << report.bytes << " bytes of text, " << report.distinctSentences
              << " different sentences of " << report.sentences << '\n';
    for (const auto& [kind, rows] : report.rowsByKind)
        std::cout << "  " << kind << ": " << rows << " rows, " << report.bytesByKind.at(kind) << " bytes\n";
    return {};
}

Status makeTokenizer(const std::string& corpus, const std::string& out) {
    ATTUNE_ASSIGN(const BpeModel model, trainOnCorpus(fs::path(corpus) / "train", kVocabularySize));
    ATTUNE_CHECK(writeModelFiles(out, model));
    ATTUNE_ASSIGN(const CorpusTokens counted, countTokens(fs::path(corpus) / "train", model));
    std::cout << model.merges.size() << " merges; " << counted.tokens << " tokens in " << counted.rows
              << " rows (chat marks included), "
              << static_cast<double>(counted.bytes) / static_cast<double>(counted.textTokens)
              << " bytes per token of text, longest row " << counted.longestRow << " tokens\n";
    return {};
}

Status makeSample(const std::string& out, std::uint64_t seed) {
    ATTUNE_ASSIGN(const SampleReport report, writeSampleProject(out, seed));
    std::cout << report.rows << " rows, nearest pair across splits shares " << report.nearestAcrossSplits
              << " of its 5-grams\n";
    for (const auto& [label, rows] : report.rowsByLabel)
        std::cout << "  " << label << ": " << rows << '\n';
    return {};
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Makes what the starter model and the sample project are built from"};
    app.require_subcommand(1);
    CorpusOptions options;
    std::string out, corpus;
    std::uint64_t seed = 7;
    CLI::App* makesCorpus = app.add_subcommand("corpus", "Write the training text of the starter model");
    makesCorpus->add_option("--seed", options.seed, "Seed")->capture_default_str();
    makesCorpus->add_option("--tokens", options.tokens, "About this many tokens")
        ->capture_default_str()
        ->check(CLI::Range(1'000, 1'000'000'000));
    makesCorpus->add_option("--out", out, "Folder")->required();
    CLI::App* makesTokenizer =
        app.add_subcommand("tokenizer", "Train the tokenizer on a corpus and write the model's files");
    makesTokenizer->add_option("--corpus", corpus, "Folder of the corpus")->required();
    makesTokenizer->add_option("--out", out, "Folder")->required();
    CLI::App* makesSample = app.add_subcommand("sample", "Write the data of the sample project");
    makesSample->add_option("--seed", seed, "Seed")->capture_default_str();
    makesSample->add_option("--out", out, "Folder")->required();
    CLI11_PARSE(app, argc, argv);

    const Status done = makesCorpus->parsed()      ? makeCorpus(out, options)
                        : makesTokenizer->parsed() ? makeTokenizer(corpus, out)
                                                   : makeSample(out, seed);
    if (done)
        return 0;
    std::cerr << "attune-make-starter: " << done.error().message << '\n';
    if (!done.error().hint.empty())
        std::cerr << "  next: " << done.error().hint << '\n';
    return 1;
}
