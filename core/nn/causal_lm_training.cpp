// CausalLm, what is trained: masters and gradients of base weights, heads.
#include "core/nn/causal_lm.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/nn/random_weights.h"

namespace attune {

namespace {

// The name under which a fused weight is trained and its moments are stored: the parts' common prefix and what it
// holds.
std::string fusedName(const Linear& linear) {
    const std::string& first = linear.parts.front().name;
    const std::string prefix = first.substr(0, first.rfind('.') + 1);
    return prefix + (linear.parts.size() == 3 ? "qkv_proj" : "gate_up_proj");
}

void train(Weight& weight, const std::string& name, bool decay, at::ScalarType master) {
    auto parameter = std::make_unique<Parameter>();
    parameter->name = name;
    parameter->decay = decay;
    parameter->value = weight.compute.scalar_type() == master && weight.compute.is_contiguous()
                           ? weight.compute
                           : weight.compute.to(master).contiguous();
    parameter->grad = at::zeros(parameter->value.sizes(), parameter->value.options());
    weight.trained = std::move(parameter);
}

void trainNorm(Norm& norm, at::ScalarType master) {
    train(norm.weight, norm.weight.name, false, master);
    if (norm.bias.defined())
        train(norm.bias, norm.bias.name, false, master);
}

void trainBlock(Block& block, at::ScalarType master) {
    for (Norm* norm : block.norms())
        trainNorm(*norm, master);
    for (Linear* linear : block.linears()) {
        const std::string name = linear->parts.size() == 1 ? linear->parts[0].name : fusedName(*linear);
        train(linear->weight, name + ".weight", true, master);
        if (linear->bias.defined())
            train(linear->bias, name + ".bias", false, master);
    }
}

} // namespace

std::vector<Parameter*> CausalLm::trainable() {
    std::vector<Parameter*> parameters;
    for (Weight* weight : weights())
        if (weight->trained)
            parameters.push_back(weight->trained.get());
    if (tokenRows)
        parameters.push_back(&tokenRows->values);
    for (LinearPart* part : linearParts())
        if (part->lora) {
            parameters.push_back(&part->lora->a);
            parameters.push_back(&part->lora->b);
            if (part->lora->magnitude.value.defined())
                parameters.push_back(&part->lora->magnitude);
        }
    if (scoreHead)
        parameters.push_back(scoreHead.get());
    if (valueHead)
        parameters.insert(parameters.end(), {&valueHead->weight, &valueHead->bias});
    if (prompt)
        parameters.push_back(&prompt->embeddings);
    return parameters;
}

std::int64_t CausalLm::trainableCount() {
    std::int64_t count = 0;
    for (const Parameter* parameter : trainable())
        count += parameter->value.numel();
    return count;
}

bool CausalLm::trainsRouter() const {
    return std::any_of(blocks.begin(), blocks.end(), [](const Block& block) {
        return block.router.weight.trained || (!block.router.parts.empty() && block.router.parts.front().lora);
    });
}

void CausalLm::zeroGradients() {
    for (Parameter* parameter : trainable())
        if (parameter->grad.defined())
            parameter->grad.zero_();
}

void CausalLm::trainBlocks(const std::set<std::int64_t>& numbers) {
    for (const std::int64_t number : numbers)
        trainBlock(blocks.at(static_cast<std::size_t>(number)), masterType());
}

void CausalLm::trainAllWeights(const std::set<std::int64_t>& frozenBlocks, bool embeddings) {
    const at::ScalarType master = masterType();
    if (embeddings)
        train(embedding, embedding.name, true, master);
    if (embeddings && positions.defined())
        train(positions, positions.name, true, master);
    for (std::size_t layer = 0; layer < blocks.size(); ++layer)
        if (!frozenBlocks.contains(static_cast<std::int64_t>(layer)))
            trainBlock(blocks[layer], master);
    trainNorm(finalNorm, master);
    if (embeddings && !m_config.tiedHead)
        train(head, head.name, true, master);
    if (embeddings && headBias.defined())
        train(headBias, headBias.name, false, master);
}

void CausalLm::trainWholeWeights(const std::set<std::string>& names) {
    const auto choose = [&](Weight& weight) {
        if (!weight.defined())
            return;
        weight.trained.reset();
        if (names.contains(weight.name))
            train(weight, weight.name, weight.compute.dim() == 2, masterType());
    };
    const auto chooseNorm = [&](Norm& norm) { choose(norm.weight), choose(norm.bias); };
    choose(embedding), choose(positions);
    for (Block& block : blocks)
        for (Norm* norm : block.norms())
            chooseNorm(*norm);
    chooseNorm(finalNorm);
    if (!m_config.tiedHead)
        choose(head);
    choose(headBias);
}

void CausalLm::trainTokenRows(const std::vector<std::int64_t>& ids) {
    if (tokenRows)
        embedding.compute.index_copy_(0, tokenRows->index, tokenRows->base);
    tokenRows.reset();
    if (ids.empty())
        return;
    auto made = std::make_unique<TokenRows>();
    made->ids = ids;
    made->index = at::tensor(ids, at::kLong).to(m_settings.device);
    made->place = at::full({m_config.vocabularySize}, -1, made->index.options());
    made->place.index_copy_(0, made->index, at::arange(static_cast<std::int64_t>(ids.size()), made->index.options()));
    made->base = embedding.compute.index_select(0, made->index);
    made->values.name = "model.embed_tokens.token_adapter.trainable_tokens_delta";
    made->values.value = made->base.to(masterType(), false, true);
    made->values.grad = at::zeros_like(made->values.value);
    tokenRows = std::move(made);
}

void CausalLm::keepTokenRows() {
    if (tokenRows)
        embedding.compute.index_copy_(0, tokenRows->index, tokenRows->values.value.to(m_settings.dtype));
    tokenRows.reset();
}

bool CausalLm::changesBase() {
    const std::vector<Weight*> all = weights();
    return std::any_of(all.begin(), all.end(), [](const Weight* weight) { return weight->trained != nullptr; });
}

void CausalLm::addScoreHead(std::uint64_t seed) {
    auto made = std::make_unique<Parameter>();
    made->name = "score.weight";
    const at::Tensor drawn = at::empty({1, m_config.hiddenSize}, at::kFloat);
    initializeNormal(drawn, seed, 0x53434f5245000000ull, 0.02f); // "SCORE"
    made->value = drawn.to(at::TensorOptions().dtype(masterType()).device(m_settings.device));
    made->grad = at::zeros_like(made->value);
    scoreHead = std::move(made);
}

void CausalLm::addValueHead() {
    const at::TensorOptions options = at::TensorOptions().dtype(masterType()).device(m_settings.device);
    auto made = std::make_unique<ValueHead>();
    made->weight.name = "v_head.summary.weight", made->bias.name = "v_head.summary.bias";
    made->bias.decay = false;
    made->weight.value = at::zeros({1, m_config.hiddenSize}, options), made->bias.value = at::zeros({1}, options);
    for (Parameter* parameter : {&made->weight, &made->bias})
        parameter->grad = at::zeros_like(parameter->value);
    valueHead = std::move(made);
}

} // namespace attune
