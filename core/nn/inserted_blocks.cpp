#include "core/nn/inserted_blocks.h"

#include <charconv>
#include <set>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

namespace {

constexpr std::string_view kBlockPrefix = "model.layers.";

Weight copied(const Weight& weight) {
    return {weight.name, weight.compute.defined() ? weight.compute.clone() : at::Tensor(), nullptr};
}

Norm copied(const Norm& norm) { return {copied(norm.weight), copied(norm.bias)}; }

Linear copied(const Linear& from) {
    Linear linear;
    linear.weight = copied(from.weight), linear.bias = copied(from.bias);
    linear.in = from.in, linear.out = from.out;
    for (const LinearPart& part : from.parts) {
        linear.parts.emplace_back();
        linear.parts.back().name = part.name, linear.parts.back().begin = part.begin, linear.parts.back().rows = part.rows;
    }
    return linear;
}

// What a branch adds to the residual stream becomes nothing, by its last weight that still gets a gradient then: the projection, or the
// norm behind it (whose own gradient would be infinite at a projection of zero).
void silence(Linear& projection, Norm& postNorm) {
    const auto zero = [](Weight& weight) {
        if (weight.compute.defined())
            weight.compute.zero_();
    };
    if (postNorm.defined())
        return zero(postNorm.weight), zero(postNorm.bias);
    zero(projection.weight), zero(projection.bias);
}

Block silentCopy(const Block& from) {
    Block block;
    block.origin = from.origin;
    block.attentionNorm = copied(from.attentionNorm), block.mlpNorm = copied(from.mlpNorm);
    block.attentionPostNorm = copied(from.attentionPostNorm), block.mlpPostNorm = copied(from.mlpPostNorm);
    block.queryNorm = copied(from.queryNorm), block.keyNorm = copied(from.keyNorm);
    block.qkv = copied(from.qkv), block.attentionOut = copied(from.attentionOut);
    block.gateUp = copied(from.gateUp), block.down = copied(from.down);
    block.router = copied(from.router);
    for (const Expert& expert : from.experts)
        block.experts.push_back({copied(expert.gateUp), copied(expert.down)});
    silence(block.attentionOut, block.attentionPostNorm);
    silence(block.down, block.mlpPostNorm);
    for (Expert& expert : block.experts)
        silence(expert.down, block.mlpPostNorm);
    return block;
}

// "model.layers.3.mlp" with another number; other names stay.
std::string withNumber(std::string_view name, std::int64_t number) {
    if (!name.starts_with(kBlockPrefix))
        return std::string(name);
    const std::size_t end = name.find('.', kBlockPrefix.size());
    return std::string(kBlockPrefix) + std::to_string(number) + std::string(name.substr(std::min(end, name.size())));
}

void renumber(Block& block, std::int64_t number) {
    const auto rename = [number](std::string& name) { name = withNumber(name, number); };
    for (Norm* norm : block.norms())
        rename(norm->weight.name), rename(norm->bias.name);
    for (Linear* linear : block.linears()) {
        rename(linear->weight.name), rename(linear->bias.name);
        for (LinearPart& part : linear->parts)
            rename(part.name);
    }
}

} // namespace

void CausalLm::insertCopies(const std::set<std::int64_t>& after) {
    at::NoGradGuard noGrad;
    std::vector<Block> deeper;
    std::vector<bool> local; // attention over a window, by block
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const bool doubled = after.contains(static_cast<std::int64_t>(i));
        deeper.push_back(std::move(blocks[i]));
        if (doubled)
            deeper.push_back(silentCopy(deeper.back()));
        if (!m_config.localLayers.empty())
            local.insert(local.end(), doubled ? 2 : 1, m_config.localLayers[i]);
    }
    blocks = std::move(deeper);
    for (std::size_t i = 0; i < blocks.size(); ++i)
        renumber(blocks[i], static_cast<std::int64_t>(i));
    m_config.localLayers = std::move(local);
    m_config.layers = static_cast<std::int64_t>(blocks.size());
}

bool hasInsertedBlocks(const CausalLm& model) {
    for (std::size_t i = 0; i < model.blocks.size(); ++i)
        if (model.blocks[i].origin != static_cast<std::int64_t>(i))
            return true;
    return false;
}

std::string nameInBase(const CausalLm& model, std::string_view name) {
    if (!name.starts_with(kBlockPrefix))
        return std::string(name);
    std::size_t number = 0;
    std::from_chars(name.data() + kBlockPrefix.size(), name.data() + name.size(), number);
    return number < model.blocks.size() ? withNumber(name, model.blocks[number].origin) : std::string(name);
}

} // namespace attune
