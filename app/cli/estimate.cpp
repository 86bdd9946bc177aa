// attune-cli model estimate DIR: memory and time a training would need, on this computer.
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/usage.h"
#include "core/families/model_family.h"
#include "core/plan/method_costs.h"

namespace attune::cli {

namespace {

struct Options {
    std::string model, method = "lora", optimizer = "adamw";
    std::int64_t batch = 8, length = 512, rows = 1000, targets = 0;
    double epochs = 3;
};

double gigabytes(std::int64_t bytes) {
    return static_cast<double>(bytes) / 1e9;
}

const char* fitId(MemoryFit fit) {
    return fit == MemoryFit::Fits ? "fits" : fit == MemoryFit::Tight ? "tight" : "too_large";
}

const char* fitInWords(MemoryFit fit) {
    return fit == MemoryFit::Fits ? "fits" : fit == MemoryFit::Tight ? "tight: close other programs" : "too large for this computer";
}

Json asJson(const MemoryEstimate& memory) {
    return {{"weights", memory.weights},         {"gradients", memory.gradients}, {"optimizer", memory.optimizer},
            {"activations", memory.activations}, {"overhead", memory.overhead},   {"total", memory.total()}};
}

Json methodsAsJson(const std::vector<MethodCost>& costs) {
    Json methods = Json::array();
    for (const MethodCost& cost : costs)
        methods.push_back({{"method", cost.method},
                           {"trainable_parameters", cost.trainable},
                           {"memory", asJson(cost.memory)},
                           {"fit", fitId(cost.fit)},
                           {"seconds_per_step", cost.time.secondsPerStep},
                           {"seconds", cost.time.seconds}});
    return methods;
}

// The classic table, in the order of the catalog; "*" marks the method that the figures above are of.
void printMethods(const std::vector<MethodCost>& costs, const std::string& chosen) {
    std::printf("\n  %-16s %12s %12s %12s  %s\n", "Method", "trained", "memory", "time", "");
    for (const MethodCost& cost : costs)
        std::printf("%c %-16s %10.2f M %9.2f GB %8.1f min  %s\n", cost.method == chosen ? '*' : ' ', cost.method.c_str(),
                    static_cast<double>(cost.trainable) / 1e6, gigabytes(cost.memory.total()), cost.time.seconds / 60, fitInWords(cost.fit));
}

Status run(const Options& options, Cli& cli) {
    ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(options.model));
    ATTUNE_ASSIGN(const ModelConfig model, readModelConfig(source));
    const Catalog& catalog = cli.engine().catalog();
    RunConfig config;
    config.model = options.model;
    ATTUNE_CHECK(setByPath(config, "method.id=" + options.method, catalog));
    ATTUNE_CHECK(setByPath(config, "optimizer.id=" + options.optimizer, catalog));
    config.training["batch_size"] = options.batch;
    config.training["epochs"] = options.epochs;
    if (options.length > model.contextLength)
        return fail(ErrorCode::InvalidArgument,
                    "--length " + std::to_string(options.length) + " is more than this model reads at once (" +
                        std::to_string(model.contextLength) + " tokens)",
                    "Give at most " + std::to_string(model.contextLength) + "; longer rows are cut or left out in training.");
    if (options.targets > options.length)
        return fail(ErrorCode::InvalidArgument, "--targets is more than --length",
                    "Targets are those of a row's tokens that are trained.");
    const double length = static_cast<double>(options.length);
    const double targets = options.targets > 0 ? static_cast<double>(options.targets) : length / 4;
    const DataShape data{options.rows, length, targets, options.length};
    const Computer computer = inspectComputer(options.model);
    const MemoryEstimate memory = estimateMemory(model, config, catalog, data, computer);
    const TimeEstimate time = estimateTime(model, config, catalog, data, computer);
    const std::int64_t trained = trainableParameters(model, config, catalog);
    const std::vector<MethodCost> costs = methodCosts(model, config, catalog, data, computer);
    if (cli.json) {
        printJson({{"parameters", model.totalParameters()},
                   {"trainable_parameters", trained},
                   {"method", options.method},
                   {"optimizer", options.optimizer},
                   {"precision", effectivePrecision(config, computer)},
                   {"memory", asJson(memory)},
                   {"free_memory_bytes", computer.freeMemoryBytes},
                   {"fits", memory.total() <= computer.freeMemoryBytes},
                   {"steps", time.steps},
                   {"seconds_per_step", time.secondsPerStep},
                   {"seconds", time.seconds},
                   {"tokens_per_second", time.tokensPerSecond},
                   {"methods", methodsAsJson(costs)}});
        return {};
    }
    std::printf("%-12s %.1f M parameters, %.2f M of them trained (%s, %s)\n", "Model",
                static_cast<double>(model.totalParameters()) / 1e6, static_cast<double>(trained) / 1e6,
                options.method.c_str(), effectivePrecision(config, computer).c_str());
    const std::pair<const char*, std::int64_t> parts[] = {
        {"Weights", memory.weights},         {"Gradients", memory.gradients}, {"Optimizer", memory.optimizer},
        {"Activations", memory.activations}, {"Overhead", memory.overhead},   {"Total", memory.total()}};
    for (const auto& [name, bytes] : parts)
        std::printf("%-12s %8.3f GB\n", name, gigabytes(bytes));
    std::printf("%-12s %8.3f GB free: %s\n", "Computer", gigabytes(computer.freeMemoryBytes),
                memory.total() <= computer.freeMemoryBytes ? "it fits" : "it does NOT fit");
    std::printf("%-12s %lld rows of %lld tokens, %lld steps: about %.0f tokens/s, %.1f minutes\n", "Time",
                static_cast<long long>(options.rows), static_cast<long long>(options.length),
                static_cast<long long>(time.steps), time.tokensPerSecond, time.seconds / 60);
    printMethods(costs, options.method);
    return {};
}

} // namespace

void addEstimateTo(CLI::App& modelCommand, Cli& cli) {
    auto* command = modelCommand.add_subcommand("estimate", "Memory and time a training would need on this computer");
    auto options = std::make_shared<Options>();
    command->add_option("model", options->model, "Model folder or GGUF file")->required();
    command->add_option("--method", options->method, "Method id: lora, full ...")->capture_default_str();
    command->add_option("--optimizer", options->optimizer, "Optimizer id: adamw, adamw_8bit, lion, adafactor")->capture_default_str();
    command->add_option("--batch", options->batch, "Rows per optimizer step")
        ->check(CLI::Range(1, 65536))
        ->capture_default_str();
    command->add_option("--length", options->length, "Tokens per row")
        ->check(CLI::Range(1, 1048576))
        ->capture_default_str();
    command->add_option("--targets", options->targets, "Trained tokens per row (default: a quarter of --length)")
        ->check(atLeast(0));
    command->add_option("--rows", options->rows, "Training rows")
        ->check(CLI::Range(1, 1000000000))
        ->capture_default_str();
    command->add_option("--epochs", options->epochs, "Passes over the rows")
        ->check(CLI::Range(0.001, 100000.0))
        ->capture_default_str();
    command->callback([options, &cli] {
        if (auto done = run(*options, cli); !done)
            cli.exitStatus = report(done.error());
    });
}

} // namespace attune::cli
