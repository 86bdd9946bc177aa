#include "core/nn/kernels/ops.h"

#include <array>
#include <cmath>

#include "core/base/rng.h"
#include "core/nn/kernels/dispatch.h"
#include "core/nn/kernels/reference_ops.h"

namespace attune::kernels {

namespace {

ActivationCode codeOf(Activation activation) {
    switch (activation) {
    case Activation::Silu:
        return ActivationCode::Silu;
    case Activation::GeluTanh:
        return ActivationCode::GeluTanh;
    case Activation::GeluErf:
        return ActivationCode::GeluErf;
    case Activation::Relu:
        break;
    }
    return ActivationCode::Relu;
}

template <class T>
const KernelTable<T>& table() {
    return kernelTable<T>(activeInstructionSet());
}

} // namespace

void normForward(const NormArguments& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics) {
    if (!x.is_cpu())
        return reference::normForward(norm, x, y, statistics);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const std::int64_t rows = x.size(0), width = x.size(1), stride = y.stride(0);
        const A* in = dataOf<A>(x);
        const A* weight = dataOf<A>(norm.weight);
        const A* bias = norm.bias.defined() ? dataOf<A>(norm.bias) : nullptr;
        A* mean = dataOf<A>(statistics);
        A* rstd = mean + statistics.stride(0);
        T* out = dataOf<T>(y);
        const A epsilon = static_cast<A>(norm.epsilon);
        forRows(rows, width, [&](std::int64_t r, std::int64_t end) {
            if (norm.kind == NormKind::RmsNorm)
                table<T>().rmsNorm(in + r * width, weight, epsilon, out + r * stride, stride, rstd + r, end - r, width);
            else
                table<T>().layerNorm(in + r * width, weight, bias, epsilon, out + r * stride, stride, mean + r,
                                     rstd + r, end - r, width);
        });
    });
}

void normBackward(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& statistics,
                  const at::Tensor& dx) {
    if (!x.is_cpu())
        return reference::normBackward(norm, dy, x, statistics, dx);
    withStorage(dy.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const std::int64_t rows = x.size(0), width = x.size(1), stride = dy.stride(0);
        const A* in = dataOf<A>(x);
        const A* weight = dataOf<A>(norm.weight);
        const A* mean = dataOf<A>(statistics);
        const A* rstd = mean + statistics.stride(0);
        const T* gradient = dataOf<T>(dy);
        A* out = dataOf<A>(dx);
        forRows(rows, width, [&](std::int64_t r, std::int64_t end) {
            if (norm.kind == NormKind::RmsNorm)
                table<T>().rmsNormBackward(gradient + r * stride, stride, in + r * width, weight, rstd + r,
                                           out + r * width, end - r, width);
            else
                table<T>().layerNormBackward(gradient + r * stride, stride, in + r * width, weight, mean + r, rstd + r,
                                             out + r * width, end - r, width);
        });
    });
}

void normParameterGradients(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x,
                            const at::Tensor& statistics, const at::Tensor& dWeight, const at::Tensor& dBias) {
    if (!x.is_cpu())
        return reference::normParameterGradients(norm, dy, x, statistics, dWeight, dBias);
    if (dWeight.defined())
        withStorage(dy.scalar_type(), [&]<class T>(T) {
            using A = typename Arithmetic<T>::Type;
            const std::int64_t rows = x.size(0), width = x.size(1);
            const A* mean = dataOf<A>(statistics);
            const A* rstd = mean + statistics.stride(0);
            forColumns(rows, width, [&](std::int64_t begin, std::int64_t end) {
                table<T>().normWeightGradient(dataOf<T>(dy), dy.stride(0), dataOf<A>(x),
                                              norm.kind == NormKind::LayerNorm ? mean : nullptr, rstd,
                                              dataOf<A>(dWeight), rows, width, begin, end);
            });
        });
    if (dBias.defined())
        addColumnSums(dy, dBias);
}

void addColumnSums(const at::Tensor& x, const at::Tensor& sums) {
    if (!x.is_cpu())
        return reference::addColumnSums(x, sums);
    withStorage(x.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forColumns(x.size(0), x.size(1), [&](std::int64_t begin, std::int64_t end) {
            table<T>().columnSums(dataOf<T>(x), x.stride(0), dataOf<A>(sums), x.size(0), begin, end);
        });
    });
}

void activationForward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y) {
    if (!gateUp.is_cpu())
        return reference::activationForward(activation, gated, gateUp, y);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        const std::int64_t width = y.size(1), inStride = gateUp.size(1), stride = y.stride(0);
        forRows(y.size(0), width, [&](std::int64_t r, std::int64_t end) {
            table<T>().activation(codeOf(activation), gated, dataOf<T>(gateUp) + r * inStride,
                                  dataOf<T>(y) + r * stride, stride, end - r, width);
        });
    });
}

void activationBackward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y,
                        const at::Tensor& dy) {
    if (!gateUp.is_cpu())
        return reference::activationBackward(activation, gated, gateUp, y, dy);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        const std::int64_t width = y.size(1), inStride = gateUp.size(1);
        forRows(y.size(0), width, [&](std::int64_t r, std::int64_t end) {
            table<T>().activationBackward(codeOf(activation), gated, dataOf<T>(gateUp) + r * inStride,
                                          dataOf<T>(y) + r * y.stride(0), y.stride(0), dataOf<T>(dy) + r * dy.stride(0),
                                          dy.stride(0), end - r, width);
        });
    });
}

void splitHeads(const at::Tensor& qkv, const Rotation& rotation, double scale, const at::Tensor& q, const at::Tensor& k,
                const at::Tensor& v) {
    if (!qkv.is_cpu())
        return reference::splitHeads(qkv, rotation, scale, q, k, v);
    withStorage(qkv.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const bool rotated = rotation.cosines.defined();
        forRows(q.size(1), qkv.size(1), [&](std::int64_t begin, std::int64_t end) {
            table<T>().splitHeads(dataOf<T>(qkv), rotated ? dataOf<A>(rotation.cosines) : nullptr,
                                  rotated ? dataOf<A>(rotation.sines) : nullptr,
                                  rotated ? dataOf<std::int32_t>(rotation.tableRow) : nullptr, static_cast<A>(scale),
                                  dataOf<T>(q), dataOf<T>(k), dataOf<T>(v), q.size(1), q.size(0), q.size(2), q.size(3),
                                  begin, end);
        });
    });
}

void mergeHeads(const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv, const Rotation& rotation,
                double scale, const at::Tensor& dqkv) {
    if (!dq.is_cpu())
        return reference::mergeHeads(dq, dk, dv, rotation, scale, dqkv);
    withStorage(dq.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const bool rotated = rotation.cosines.defined();
        forRows(dq.size(1), dqkv.size(1), [&](std::int64_t begin, std::int64_t end) {
            table<T>().mergeHeads(dataOf<T>(dq), dataOf<A>(dk), dataOf<A>(dv),
                                  rotated ? dataOf<A>(rotation.cosines) : nullptr,
                                  rotated ? dataOf<A>(rotation.sines) : nullptr,
                                  rotated ? dataOf<std::int32_t>(rotation.tableRow) : nullptr, static_cast<A>(scale),
                                  dataOf<T>(dqkv), dq.size(1), dq.size(0), dq.size(2), dq.size(3), begin, end);
        });
    });
}

void narrowTo(const at::Tensor& x, const at::Tensor& y) {
    if (!x.is_cpu())
        return reference::narrowTo(x, y);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forRows(x.numel(), 1, [&](std::int64_t begin, std::int64_t end) {
            table<T>().narrow(dataOf<A>(x) + begin, dataOf<T>(y) + begin, end - begin);
        });
    });
}

void narrowRows(const at::Tensor& x, const at::Tensor& y, double scale) {
    if (!x.is_cpu())
        return reference::narrowRows(x, y, scale);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const std::int64_t width = x.size(1);
        forRows(x.size(0), width, [&](std::int64_t r, std::int64_t end) {
            for (; r < end; ++r)
                table<T>().narrowScaled(dataOf<A>(x) + r * x.stride(0), dataOf<T>(y) + r * y.stride(0),
                                        static_cast<A>(scale), width);
        });
    });
}

void softCap(const at::Tensor& x, double cap) {
    if (!x.is_cpu())
        return reference::softCap(x, cap);
    withStorage(x.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forRows(x.numel(), 4, [&](std::int64_t begin, std::int64_t end) {
            table<T>().softCap(dataOf<T>(x) + begin, static_cast<A>(cap), end - begin);
        });
    });
}

void scaledCopy(const at::Tensor& x, const at::Tensor& y, double scale) {
    if (!x.is_cpu())
        return reference::scaledCopy(x, y, scale);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forRows(x.size(0), x.size(1), [&](std::int64_t r, std::int64_t end) {
            table<T>().scaledCopy(dataOf<T>(x) + r * x.stride(0), x.stride(0), dataOf<T>(y) + r * y.stride(0),
                                  y.stride(0), static_cast<A>(scale), end - r, x.size(1));
        });
    });
}

void dropout(const at::Tensor& x, const at::Tensor& y, bool accumulate, double p, std::uint64_t key,
             std::uint64_t stream) {
    if (!x.is_cpu())
        return reference::dropout(x, y, accumulate, p, key, stream);
    withStorage(y.scalar_type(), [&]<class T>(T) {
        forRows(x.size(0), x.size(1) * 4, [&](std::int64_t r, std::int64_t end) {
            table<T>().dropout(dataOf<T>(x) + r * x.stride(0), x.stride(0), dataOf<T>(y) + r * y.stride(0), y.stride(0),
                               accumulate, p, key, stream, r, end - r, x.size(1));
        });
    });
}

void embed(const at::Tensor& ids, const at::Tensor& table_, const at::Tensor& positionIds,
           const at::Tensor& positionTable, const at::Tensor& x) {
    if (!x.is_cpu())
        return reference::embed(ids, table_, positionIds, positionTable, x);
    withStorage(table_.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const std::int64_t width = x.size(1), count = ids.size(0);
        const std::int64_t* id = dataOf<std::int64_t>(ids);
        const std::int64_t* position = positionTable.defined() ? dataOf<std::int64_t>(positionIds) : nullptr;
        A* out = dataOf<A>(x);
        forRows(x.size(0), width, [&](std::int64_t r, std::int64_t end) {
            for (; r < end; ++r) {
                if (r >= count) {
                    std::fill(out + r * width, out + (r + 1) * width, A(0));
                    continue;
                }
                table<T>().widen(dataOf<T>(table_) + id[r] * width, out + r * width, width);
                if (position)
                    table<T>().addWiden(dataOf<T>(positionTable) + position[r] * width, out + r * width, width);
            }
        });
    });
}

void addEmbeddingNoise(std::span<const std::int32_t> rowStarts, double alpha, std::uint64_t key, std::uint64_t stream,
                       const at::Tensor& x) {
    const at::Tensor host = x.is_cpu() ? x : at::zeros(x.sizes(), x.options().device(at::kCPU));
    withStorage(x.scalar_type(), [&]<class T>(T) { // the residual stream: float or double
        if constexpr (!std::is_same_v<T, Bf16>) {
            const std::int64_t width = x.size(1);
            T* out = dataOf<T>(host);
            for (std::size_t row = 0; row + 1 < rowStarts.size(); ++row) {
                const std::int64_t first = rowStarts[row], length = rowStarts[row + 1] - first;
                const double reach = alpha / std::sqrt(static_cast<double>(length) * static_cast<double>(width));
                forRows(length, width * 8, [&](std::int64_t t, std::int64_t end) {
                    std::array<std::uint32_t, 4> words{};
                    for (std::int64_t i = (first + t) * width; i < (first + end) * width; ++i) {
                        if (i % 4 == 0 || i == (first + t) * width)
                            words = philox(key, stream, static_cast<std::uint64_t>(i / 4));
                        const double uniform = (static_cast<double>(words[static_cast<std::size_t>(i % 4)]) + 0.5) * 0x1.0p-32;
                        out[i] += static_cast<T>(reach * (2 * uniform - 1));
                    }
                });
            }
        }
    });
    if (!x.is_cpu())
        at::Tensor(x).add_(host.to(x.device()));
}

void addRowsAt(const at::Tensor& ids, const at::Tensor& dx, const at::Tensor& gradient) {
    if (!dx.is_cpu())
        return reference::addRowsAt(ids, dx, gradient);
    withStorage(gradient.scalar_type(), [&]<class T>(T) { // masters: float or double, never Bf16
        if constexpr (!std::is_same_v<T, Bf16>) {
            const std::int64_t width = dx.size(1);
            const std::int64_t* id = dataOf<std::int64_t>(ids);
            forColumns(ids.size(0), width, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t t = 0; t < ids.size(0); ++t)
                    table<T>().add(dataOf<T>(dx) + t * width + begin, dataOf<T>(gradient) + id[t] * width + begin,
                                   end - begin);
            });
        }
    });
}

void targetLogProbabilities(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                            const at::Tensor& logSumExp, const at::Tensor& logP, const at::Tensor& facts) {
    if (!logits.is_cpu())
        return reference::targetLogProbabilities(logits, targets, count, logSumExp, logP, facts);
    withStorage(logits.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const std::int64_t width = logits.size(1);
        const std::int64_t* target = dataOf<std::int64_t>(targets);
        forRows(count, width, [&](std::int64_t r, std::int64_t end) {
            for (; r < end; ++r) {
                const T* z = dataOf<T>(logits) + r * width;
                A* fact = facts.defined() ? dataOf<A>(facts) + 4 * r : nullptr;
                const A lse = table<T>().logSumExp(z, width, fact);
                A atTarget = 0;
                table<T>().widen(z + target[r], &atTarget, 1);
                if (fact)
                    fact[0] = atTarget >= fact[0] ? A(1) : A(0);
                dataOf<A>(logSumExp)[r] = lse;
                dataOf<A>(logP)[r] = atTarget - lse;
            }
        });
    });
}

void crossEntropyGradient(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                          const at::Tensor& logSumExp, const at::Tensor& weights, double softCap) {
    if (!logits.is_cpu())
        return reference::crossEntropyGradient(logits, targets, count, logSumExp, weights, softCap);
    withStorage(logits.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const std::int64_t width = logits.size(1);
        const std::int64_t* target = dataOf<std::int64_t>(targets);
        forRows(logits.size(0), width, [&](std::int64_t r, std::int64_t end) {
            for (; r < end; ++r) {
                T* z = dataOf<T>(logits) + r * width;
                if (r < count)
                    table<T>().crossEntropyGradient(z, width, dataOf<A>(logSumExp)[r], dataOf<A>(weights)[r],
                                                    target[r], static_cast<A>(softCap));
                else
                    std::fill(z, z + width, T{});
            }
        });
    });
}

} // namespace attune::kernels
