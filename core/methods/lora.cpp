#include "core/methods/lora.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/methods/lora_start.h"
#include "core/methods/state_tensors.h"
#include "core/plan/catalog.h"
#include "core/plan/lora_settings.h"

namespace attune {

namespace {

Parameter makeParameter(std::string name, const std::vector<std::int64_t>& shape, const CausalLm& model) {
    Parameter parameter;
    parameter.name = std::move(name);
    parameter.value = at::zeros(shape, at::TensorOptions().dtype(model.masterType()).device(model.settings().device));
    return parameter;
}

// What an earlier PiSSA or OLoRA took out of a weight goes back into it.
void takeOff(Linear& linear, LinearPart& part, at::ScalarType master) {
    if (part.lora && part.lora->startA.defined()) {
        at::Tensor rows = linear.weight.compute.narrow(0, part.begin, part.rows);
        rows.copy_(at::addmm(rows.to(master), part.lora->startB, part.lora->startA, 1, part.lora->scale));
    }
    part.lora.reset();
}

void startInWeights(Linear& linear, LinearPart& part, const LoraSettings& settings, at::ScalarType master, std::uint64_t seed,
                          std::uint64_t number) {
    LoraAdapter& lora = *part.lora;
    at::Tensor rows = linear.weight.compute.narrow(0, part.begin, part.rows);
    const at::Tensor weight = rows.to(master);
    std::tie(lora.a.value, lora.b.value) =
        settings.start == LoraStart::Olora ? orthonormalPart(weight, lora.rank())
                                           : principalPart(weight, lora.rank(), lora.scale, settings.start == LoraStart::PissaFast, seed, number);
    lora.startA = lora.a.value.clone(), lora.startB = lora.b.value.clone();
    rows.copy_(at::addmm(weight, lora.startB, lora.startA, 1, -lora.scale));
}

// Each row's length as it is: training begins at the base model.
void startMagnitudes(CausalLm& model) {
    model.refreshComputeWeights();
    for (Block& block : model.blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts)
                if (part.lora)
                    part.lora->magnitude.value.copy_(linear->rowNorm.narrow(0, part.begin, part.rows));
}

} // namespace

LoraMethod::LoraMethod(bool onPackedWeights) {
    m_description.id = "lora";
    m_description.title = "LoRA";
    m_description.summary = "Trains a small adapter beside the frozen model: fast, light, and easy to undo.";
    m_description.cost = "A few per cent of the weights; a small file", m_description.quality = "Close to full fine-tuning, forgets less";
    m_description.params = loraParams(onPackedWeights);
}

Status LoraMethod::attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const {
    at::NoGradGuard noGrad;
    std::vector<std::string> modules;
    for (const LinearPart* part : model.linearParts())
        modules.push_back(part->name);
    ATTUNE_ASSIGN(const LoraSettings settings,
                  readLoraSettings(params, m_description.params, modules, model.config()));
    if (settings.startsInWeights() && !model.packedParts().empty())
        return fail(ErrorCode::InvalidArgument, "init: " + paramString(params, m_description.params, "init") + " changes the base weights, which here are in 4 bits.",
                    "Choose kaiming, or a base model in 16 bits.");
    try {
        std::uint64_t number = 0;
        bool any = false;
        for (std::size_t layer = 0; layer < model.blocks.size(); ++layer) {
            for (Linear* linear : model.blocks[layer].linears())
                for (LinearPart& part : linear->parts) {
                    ++number;
                    takeOff(*linear, part, model.masterType());
                    if (!settings.adapts(part.name, static_cast<std::int64_t>(layer)))
                        continue;
                    any = true;
                    std::int64_t rank = settings.rankOf(part.name);
                    if (settings.startsInWeights() && rank > std::min(part.rows, linear->inFeatures()))
                        return fail(ErrorCode::InvalidArgument,
                                    "r: " + part.name + " has only " + std::to_string(std::min(part.rows, linear->inFeatures())) +
                                        " rows or columns to begin with, fewer than the rank " + std::to_string(rank),
                                    "Lower r, or choose init: kaiming.");
                    if (settings.start == LoraStart::Orthogonal && rank % 2 != 0)
                        return fail(ErrorCode::InvalidArgument,
                                    "init: orthogonal needs even ranks, and " + part.name + " has the rank " + std::to_string(rank),
                                    "Make the rank even, or choose init: kaiming.");
                    part.lora = std::make_unique<LoraAdapter>();
                    LoraAdapter& lora = *part.lora;
                    lora.a = makeParameter(part.name + ".lora_A.weight", {rank, linear->inFeatures()}, model);
                    lora.b = makeParameter(part.name + ".lora_B.weight", {part.rows, rank}, model);
                    lora.scale = settings.scaleOf(part.name);
                    lora.dropout = settings.dropout;
                    lora.b.rateFactor = settings.rateRatio; // LoRA+ (Hayou et al. 2024)
                    if (settings.dora) {
                        lora.magnitude = makeParameter(part.name + ".lora_magnitude_vector", {part.rows}, model);
                        lora.magnitude.decay = false; // decay would pull the layer itself towards nothing
                    }
                    if (settings.startsInWeights())
                        startInWeights(*linear, part, settings, model.masterType(), seed, number);
                    else if (settings.start == LoraStart::Orthogonal)
                        drawOrthogonal(lora.a.value, lora.b.value, seed, number);
                    else
                        drawLoraA(lora.a.value, settings.start == LoraStart::Gaussian, seed, number);
                }
        }
        if (!any)
            return fail(ErrorCode::InvalidArgument, "No layer gets an adapter: nothing would be trained.",
                        "Choose other target_modules or layers_to_transform.");
        model.trainTokenRows({settings.tokens.begin(), settings.tokens.end()});
        model.trainWholeWeights(settings.whole);
        model.prepareAdapters();
        if (settings.dora)
            startMagnitudes(model);
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("The adapter does not fit into memory: ") + exception.what(),
                    "Lower the rank.");
    }
    model.refreshComputeWeights();
    return {};
}

std::vector<StateTensor> LoraMethod::state(CausalLm& model) const {
    std::vector<StateTensor> tensors = trainedWeights(model);
    if (model.tokenRows)
        tensors.push_back({model.tokenRows->values.name, model.tokenRows->values.value});
    for (const LinearPart* part : model.linearParts())
        if (part->lora)
            for (const Parameter* parameter : {&part->lora->a, &part->lora->b, &part->lora->magnitude})
                if (parameter->value.defined())
                    tensors.push_back({parameter->name, parameter->value});
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
                    if (linear->packed)
                        model.unpack(*linear);
                    const LoraAdapter& lora = *part.lora;
                    at::Tensor rows = linear->weight.compute.narrow(0, part.begin, part.rows);
                    at::Tensor whole = at::addmm(rows.to(model.masterType()), lora.b.value, lora.a.value, 1, lora.scale);
                    if (lora.magnitude.value.defined())
                        whole.mul_((lora.magnitude.value / whole.norm(2, 1)).unsqueeze(1));
                    rows.copy_(whole);
                    part.lora.reset();
                }
        model.keepTokenRows();
        model.prepareAdapters();
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("Merging does not fit into memory: ") + exception.what(), {});
    }
    model.refreshComputeWeights();
    return {};
}

} // namespace attune
