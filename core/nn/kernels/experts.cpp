#include "core/nn/kernels/experts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <ATen/ATen.h>

#include "core/nn/kernels/dispatch.h"

namespace attune::kernels {

namespace {

template <class T>
const KernelTable<T>& loopsOf() {
    return kernelTable<T>(activeInstructionSet());
}

// f(A{}) with the arithmetic type.
template <class F>
void withArithmetic(const at::Tensor& tensor, F&& f) {
    if (tensor.scalar_type() == at::kDouble)
        f(double{});
    else
        f(float{});
}

} // namespace

template <class A>
void chooseExperts(std::span<A> logits, std::int64_t k, bool renormalize, std::int32_t* chosen, A* weights) {
    const A largest = *std::max_element(logits.begin(), logits.end());
    A total = 0;
    for (A& value : logits)
        total += value = std::exp(value - largest);
    for (A& value : logits)
        value /= total;
    std::int64_t found = 0;
    for (std::size_t e = 0; e < logits.size(); ++e) { // insertion into the k best so far
        if (found == k && !(logits[e] > weights[k - 1]))
            continue;
        std::int64_t place = found < k ? found++ : k - 1;
        for (; place > 0 && logits[e] > weights[place - 1]; --place)
            weights[place] = weights[place - 1], chosen[place] = chosen[place - 1];
        weights[place] = logits[e], chosen[place] = static_cast<std::int32_t>(e);
    }
    if (!renormalize)
        return;
    A sum = 0;
    for (std::int64_t j = 0; j < k; ++j)
        sum += weights[j];
    for (std::int64_t j = 0; j < k; ++j)
        weights[j] /= sum;
}

template void chooseExperts<float>(std::span<float>, std::int64_t, bool, std::int32_t*, float*);
template void chooseExperts<double>(std::span<double>, std::int64_t, bool, std::int32_t*, double*);

void routeTokens(const ExpertRows& rows, std::int64_t count, bool renormalize, std::vector<std::int64_t>& begins,
                 std::vector<std::int64_t>& tokensOf) {
    const std::int64_t experts = rows.probabilities.size(1), k = rows.chosen.size(1);
    auto* chosen = rows.chosen.data_ptr<std::int32_t>();
    auto* slots = rows.slots.data_ptr<std::int32_t>();
    auto* tokens = rows.tokens.data_ptr<std::int32_t>();
    withArithmetic(rows.probabilities, [&]<class A>(A) {
        A* probabilities = dataOf<A>(rows.probabilities);
        std::vector<A> weights(static_cast<std::size_t>(count * k));
        forRows(count, experts * 8, [&](std::int64_t t, std::int64_t end) {
            for (; t < end; ++t)
                chooseExperts(std::span(probabilities + t * experts, static_cast<std::size_t>(experts)), k, renormalize,
                              chosen + t * k, weights.data() + t * k);
        });
        tokensOf.assign(static_cast<std::size_t>(experts), 0);
        for (std::int64_t i = 0; i < count * k; ++i)
            ++tokensOf[static_cast<std::size_t>(chosen[i])];
        begins.assign(1, 0);
        for (const std::int64_t each : tokensOf)
            begins.push_back(begins.back() + (each + kExpertRows - 1) / kExpertRows * kExpertRows);
        A* rowWeights = dataOf<A>(rows.weights);
        std::fill(tokens, tokens + begins.back(), -1);
        std::fill(rowWeights, rowWeights + begins.back(), A(0));
        std::vector<std::int64_t> next = begins;
        for (std::int64_t i = 0; i < count * k; ++i) { // tokens in their order within each expert
            const std::int64_t slot = next[static_cast<std::size_t>(chosen[i])]++;
            slots[i] = static_cast<std::int32_t>(slot);
            tokens[slot] = static_cast<std::int32_t>(i / k);
            rowWeights[slot] = weights[static_cast<std::size_t>(i)];
        }
    });
}

void gatherRows(const at::Tensor& from, const at::Tensor& tokens, std::int64_t count, const at::Tensor& to) {
    const auto size = static_cast<std::int64_t>(from.element_size()), bytes = from.size(1) * size;
    const auto* source = static_cast<const std::byte*>(from.data_ptr());
    auto* target = static_cast<std::byte*>(to.data_ptr());
    const std::int64_t sourceStride = from.stride(0) * size, targetStride = to.stride(0) * size;
    const auto* token = tokens.data_ptr<std::int32_t>();
    forRows(count, from.size(1), [&](std::int64_t r, std::int64_t end) {
        for (; r < end; ++r)
            if (token[r] < 0)
                std::memset(target + r * targetStride, 0, static_cast<std::size_t>(bytes));
            else
                std::memcpy(target + r * targetStride, source + token[r] * sourceStride, static_cast<std::size_t>(bytes));
    });
}

void addExpertRows(const at::Tensor& out, const at::Tensor& slots, std::int64_t count, const at::Tensor& x, const at::Tensor& sum) {
    const std::int64_t k = slots.size(1), width = x.size(1);
    const auto* slot = slots.data_ptr<std::int32_t>();
    withArithmetic(out, [&]<class A>(A) {
        forRows(x.size(0), width * (k + 1), [&](std::int64_t t, std::int64_t end) {
            for (; t < end; ++t) {
                A* y = dataOf<A>(sum) + t * width;
                std::memcpy(y, dataOf<A>(x) + t * width, static_cast<std::size_t>(width) * sizeof(A));
                for (std::int64_t j = 0; t < count && j < k; ++j)
                    loopsOf<A>().add(dataOf<A>(out) + slot[t * k + j] * width, y, width);
            }
        });
    });
}

void addExpertGradients(const at::Tensor& dRows, const at::Tensor& slots, std::int64_t count, const at::Tensor& dx) {
    const std::int64_t k = slots.size(1), width = dx.size(1), stride = dx.stride(0), rowStride = dRows.stride(0);
    const auto* slot = slots.data_ptr<std::int32_t>();
    withStorage(dx.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forRows(count, width * (k + 1), [&](std::int64_t t, std::int64_t end) {
            std::vector<A> line(static_cast<std::size_t>(width));
            for (; t < end; ++t) {
                T* y = dataOf<T>(dx) + t * stride;
                loopsOf<T>().widen(y, line.data(), width);
                for (std::int64_t j = 0; j < k; ++j)
                    loopsOf<T>().addWiden(dataOf<T>(dRows) + slot[t * k + j] * rowStride, line.data(), width);
                loopsOf<T>().narrow(line.data(), y, width);
            }
        });
    });
}

void scaleExpertRows(const at::Tensor& y, const at::Tensor& weights) {
    const std::int64_t width = y.size(1), stride = y.stride(0);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forRows(y.size(0), width, [&](std::int64_t r, std::int64_t end) {
            for (; r < end; ++r)
                loopsOf<T>().scaledCopy(dataOf<T>(y) + r * stride, stride, dataOf<T>(y) + r * stride, stride, dataOf<A>(weights)[r],
                                        1, width);
        });
    });
}

void expertWeightGradient(const at::Tensor& y, const at::Tensor& weights, const at::Tensor& dy, const at::Tensor& dWeights) {
    const std::int64_t width = y.size(1);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forRows(y.size(0), 2 * width, [&](std::int64_t r, std::int64_t end) {
            for (; r < end; ++r) {
                T* gradient = dataOf<T>(dy) + r * dy.stride(0);
                dataOf<A>(dWeights)[r] = loopsOf<T>().dot(dataOf<T>(y) + r * y.stride(0), gradient, width);
                loopsOf<T>().scaledCopy(gradient, width, gradient, width, dataOf<A>(weights)[r], 1, width);
            }
        });
    });
}

void routerGradient(const ExpertRows& rows, const at::Tensor& dWeights, std::int64_t count, bool renormalize,
                    std::span<const double> balance, const at::Tensor& dLogits) {
    const std::int64_t experts = rows.probabilities.size(1), k = rows.chosen.size(1);
    const auto* chosen = rows.chosen.data_ptr<std::int32_t>();
    const auto* slots = rows.slots.data_ptr<std::int32_t>();
    withStorage(dLogits.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const A *weights = dataOf<A>(rows.weights), *gradients = dataOf<A>(dWeights);
        forRows(dLogits.size(0), experts * 8, [&](std::int64_t t, std::int64_t end) {
            std::vector<A> line(static_cast<std::size_t>(experts));
            for (; t < end; ++t) {
                std::fill(line.begin(), line.end(), A(0));
                const A* p = dataOf<A>(rows.probabilities) + t * experts;
                // softmax over the chosen ones alone, or over all of them
                A mean = 0;
                for (std::int64_t j = 0; t < count && j < k; ++j)
                    mean += weights[slots[t * k + j]] * gradients[slots[t * k + j]];
                for (std::int64_t j = 0; t < count && j < k; ++j) {
                    const std::int32_t slot = slots[t * k + j];
                    line[static_cast<std::size_t>(chosen[t * k + j])] += weights[slot] * (gradients[slot] - (renormalize ? mean : A(0)));
                }
                for (std::int64_t e = 0; t < count && !renormalize && e < experts; ++e)
                    line[static_cast<std::size_t>(e)] -= p[e] * mean;
                if (t < count && !balance.empty()) {
                    A balanced = 0;
                    for (std::int64_t e = 0; e < experts; ++e)
                        balanced += p[e] * static_cast<A>(balance[static_cast<std::size_t>(e)]);
                    for (std::int64_t e = 0; e < experts; ++e)
                        line[static_cast<std::size_t>(e)] += p[e] * (static_cast<A>(balance[static_cast<std::size_t>(e)]) - balanced);
                }
                loopsOf<T>().narrow(line.data(), dataOf<T>(dLogits) + t * experts, experts);
            }
        });
    });
}

} // namespace attune::kernels
