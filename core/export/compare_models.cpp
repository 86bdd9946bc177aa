#include <algorithm>

#include <ATen/ATen.h>

#include "core/export/exporter.h"
#include "core/nn/decoder.h"

namespace attune {

Result<Agreement> compareModels(CausalLm& first, CausalLm& second,
                                const std::vector<std::vector<std::int64_t>>& prompts, std::int64_t tokens,
                                const std::stop_token& stop) {
    Agreement result;
    double sum = 0;
    std::int64_t agreed = 0, numbers = 0;
    for (const auto& prompt : prompts) {
        Decoder a(first), b(second);
        ATTUNE_ASSIGN(at::Tensor left, a.prefill({prompt}));
        ATTUNE_ASSIGN(at::Tensor right, b.prefill({prompt}));
        const std::int64_t room = first.config().contextLength - static_cast<std::int64_t>(prompt.size());
        for (std::int64_t i = 0;; ++i) {
            if (stop.stop_requested())
                return fail(ErrorCode::Cancelled, "Comparing was cancelled");
            const at::Tensor difference = (left.to(at::kDouble) - right.to(at::kDouble)).abs();
            result.maxLogitDifference = std::max(result.maxLogitDifference, difference.max().item<double>());
            sum += difference.sum().item<double>();
            numbers += difference.numel();
            const std::int64_t token = left.argmax(-1).item<std::int64_t>();
            agreed += token == right.argmax(-1).item<std::int64_t>();
            ++result.comparedTokens;
            if (i + 1 >= std::min(tokens, room))
                break;
            ATTUNE_ASSIGN(left, a.step({token}));
            ATTUNE_ASSIGN(right, b.step({token}));
        }
    }
    if (result.comparedTokens > 0) {
        result.tokenAgreement = static_cast<double>(agreed) / static_cast<double>(result.comparedTokens);
        result.meanLogitDifference = sum / static_cast<double>(numbers);
    }
    return result;
}

} // namespace attune
