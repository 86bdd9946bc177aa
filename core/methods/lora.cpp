#include "core/methods/lora.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/methods/state_tensors.h"
#include "core/plan/catalog.h"
#include "core/plan/param_check.h"

namespace attune {

namespace {

const std::string kAllLinear = "all-linear";

std::vector<ParamSpec> loraParams() {
    std::vector<ParamSpec> specs(7);
    specs[0].key = "r";
    specs[0].label = "Rank (r)";
    specs[0].help = "How much the adapter can learn: the width of its two small matrices.";
    specs[0].defaultValue = std::int64_t{16};
    specs[0].min = 1, specs[0].max = 1024;
    specs[0].ifTooHigh = "More memory and, with little data, learning by heart.";
    specs[0].ifTooLow = "The adapter cannot express the change your examples ask for.";
    specs[1].key = "alpha";
    specs[1].label = "Scaling (alpha)";
    specs[1].help = "How strongly the adapter acts: its output is multiplied by alpha / r. Twice the rank is usual.";
    specs[1].defaultValue = 32.0;
    specs[1].min = 0.001, specs[1].max = 4096.0;
    specs[1].ifTooHigh = "Training becomes unstable, like a learning rate that is too high.";
    specs[1].ifTooLow = "The model hardly changes.";
    specs[2].key = "dropout";
    specs[2].label = "Dropout";
    specs[2].help = "The share of the adapter's inputs that is left out at random while training.";
    specs[2].defaultValue = 0.0;
    specs[2].min = 0.0, specs[2].max = 0.9;
    specs[2].ifTooHigh = "Learning is slow and noisy.";
    specs[2].ifTooLow = "Nothing bad; with few examples a little (0.05) can help against learning by heart.";
    specs[3].key = "target_modules";
    specs[3].label = "Adapted layers";
    specs[3].help = "Which linear layers get an adapter; all-linear means every one.";
    specs[3].defaultValue = std::vector<std::string>{kAllLinear};
    specs[3].choices = {kAllLinear, "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    specs[3].ifTooHigh = "More layers cost time and memory.";
    specs[3].ifTooLow = "Few layers limit what can be learned.";
    specs[3].advanced = true;
    specs[4].key = "use_rslora";
    specs[4].label = "Rank-stabilised scaling";
    specs[4].help = "Scale by alpha / sqrt(r) instead of alpha / r, so that high ranks keep learning (rsLoRA).";
    specs[4].defaultValue = false;
    specs[4].ifTooHigh =
        "Switched on with a large alpha the adapter acts very strongly: lower alpha or the learning rate.";
    specs[4].ifTooLow = "Switched off, ranks above 64 learn hardly more than small ones.";
    specs[4].advanced = true;
    specs[5].key = "init";
    specs[5].label = "Start values";
    specs[5].help = "How the first matrix is drawn; the second starts at zero, so training begins at the base model.";
    specs[5].defaultValue = std::string("kaiming");
    specs[5].choices = {"kaiming", "gaussian"};
    specs[5].advanced = true;
    specs[6].key = "loraplus_lr_ratio";
    specs[6].label = "Learning rate ratio (LoRA+)";
    specs[6].help = "The second matrix learns so many times faster than the first (LoRA+); 1 means alike.";
    specs[6].defaultValue = 1.0;
    specs[6].min = 1.0, specs[6].max = 1024.0;
    specs[6].ifTooHigh = "Loss jumps or rises; 16 is usual, with a learning rate about half of LoRA's.";
    specs[6].ifTooLow = "At 1 wide models learn more slowly than they could.";
    specs[6].advanced = true;
    return specs;
}

std::string_view lastName(std::string_view module) {
    return module.substr(module.rfind('.') + 1);
}

Parameter makeParameter(std::string name, const std::vector<std::int64_t>& shape, const CausalLm& model) {
    Parameter parameter;
    parameter.name = std::move(name);
    parameter.value = at::zeros(shape, at::TensorOptions().dtype(model.masterType()).device(model.settings().device));
    return parameter;
}

// kaiming_uniform_(a = sqrt(5)) is U(-1/sqrt(in), 1/sqrt(in)); "gaussian" is N(0, 1/r).
void initialise(at::Tensor a, bool gaussian, std::uint64_t seed, std::uint64_t part) {
    Rng rng(seed, 0x4c4f524100000000ull + part); // a stream of its own ("LORA") for each part
    const double bound = 1.0 / std::sqrt(static_cast<double>(a.size(1)));
    const double deviation = 1.0 / static_cast<double>(a.size(0));
    at::Tensor host = at::empty(a.sizes(), at::kDouble);
    double* values = host.data_ptr<double>();
    for (std::int64_t i = 0; i < host.numel(); ++i)
        values[i] = gaussian ? rng.normal() * deviation : (2.0 * rng.uniform() - 1.0) * bound;
    a.copy_(host);
}

} // namespace

LoraMethod::LoraMethod() {
    m_description.id = "lora";
    m_description.title = "LoRA";
    m_description.summary = "Trains a small adapter beside the frozen model: fast, light, and easy to undo.";
    m_description.params = loraParams();
}

Status LoraMethod::attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const {
    const auto& specs = m_description.params;
    for (const ParamSpec& spec : specs)
        ATTUNE_CHECK(checkParam(spec, paramOr(params, specs, spec.key), spec.key));
    const std::int64_t rank = paramInt(params, specs, "r");
    const double alpha = paramDouble(params, specs, "alpha");
    const std::vector<std::string> list = paramList(params, specs, "target_modules");
    const std::set<std::string_view> wanted(list.begin(), list.end());
    const bool all = wanted.contains(kAllLinear), gaussian = paramString(params, specs, "init") == "gaussian";

    std::set<std::string_view> present;
    const std::vector<LinearPart*> parts = model.linearParts();
    for (const LinearPart* part : parts)
        present.insert(lastName(part->name));
    for (const std::string_view name : wanted)
        if (name != kAllLinear && !present.contains(name))
            return fail(ErrorCode::InvalidArgument,
                        "target_modules names \"" + std::string(name) + "\", but this model has no such layer.",
                        "Choose all-linear or layers the model has.");
    if (wanted.empty())
        return fail(ErrorCode::InvalidArgument, "target_modules is empty: nothing would be trained.",
                    "Choose all-linear or at least one layer.");
    try {
        for (std::size_t i = 0; i < parts.size(); ++i) {
            LinearPart& part = *parts[i];
            part.lora.reset();
            if (!all && !wanted.contains(lastName(part.name)))
                continue;
            auto adapter = std::make_unique<LoraAdapter>();
            adapter->a = makeParameter(part.name + ".lora_A.weight", {rank, 0}, model);
            adapter->b = makeParameter(part.name + ".lora_B.weight", {part.rows, rank}, model);
            adapter->scale = paramBool(params, specs, "use_rslora") ? alpha / std::sqrt(static_cast<double>(rank))
                                                                    : alpha / static_cast<double>(rank);
            adapter->dropout = paramDouble(params, specs, "dropout");
            adapter->b.rateFactor = paramDouble(params, specs, "loraplus_lr_ratio"); // Hayou et al. 2024
            part.lora = std::move(adapter);
        }
        std::uint64_t number = 0;
        for (Block& block : model.blocks)
            for (Linear* linear : block.linears())
                for (LinearPart& part : linear->parts) {
                    ++number;
                    if (!part.lora)
                        continue;
                    part.lora->a = makeParameter(part.lora->a.name, {rank, linear->inFeatures()}, model);
                    initialise(part.lora->a.value, gaussian, seed, number);
                }
        model.prepareAdapters();
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("The adapter does not fit into memory: ") + exception.what(),
                    "Lower the rank.");
    }
    model.refreshComputeWeights();
    return {};
}

std::vector<StateTensor> LoraMethod::state(CausalLm& model) const {
    std::vector<StateTensor> tensors;
    for (const LinearPart* part : model.linearParts())
        if (part->lora) {
            tensors.push_back({part->lora->a.name, part->lora->a.value});
            tensors.push_back({part->lora->b.name, part->lora->b.value});
        }
    return tensors;
}

Status LoraMethod::load(CausalLm& model, const std::vector<StateTensor>& stored) const {
    ATTUNE_CHECK(copyState(stored, state(model)));
    model.refreshComputeWeights();
    return {};
}

Status LoraMethod::merge(CausalLm& model) const {
    at::NoGradGuard noGrad;
    try {
        for (Block& block : model.blocks)
            for (Linear* linear : block.linears())
                for (LinearPart& part : linear->parts) {
                    if (!part.lora)
                        continue;
                    at::Tensor rows = linear->weight.compute.narrow(0, part.begin, part.rows);
                    rows.copy_(rows.to(model.masterType()) +
                               at::mm(part.lora->b.value, part.lora->a.value) * part.lora->scale);
                    part.lora.reset();
                }
        model.prepareAdapters();
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("Merging does not fit into memory: ") + exception.what(), {});
    }
    return {};
}

} // namespace attune
