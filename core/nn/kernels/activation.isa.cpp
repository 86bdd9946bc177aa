// SwiGLU (Shazeer 2020), GeGLU and plain activations, forward and backward.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

// value(x) and slope(x) of each activation; `y` is value(x) where the slope can use it.
struct Silu {
    template <class A>
    static A value(A x) {
        return x / (A(1) + exponential(-x));
    }
    template <class A>
    static A slope(A x) {
        const A s = A(1) / (A(1) + exponential(-x));
        return s * (A(1) + x * (A(1) - s));
    }
};

struct Relu {
    template <class A>
    static A value(A x) {
        return x > A(0) ? x : A(0);
    }
    template <class A>
    static A slope(A x) {
        return x > A(0) ? A(1) : A(0);
    }
};

// 0.5 x (1 + tanh(k (x + 0.044715 x^3))), written with the logistic function: x * s(2 k (...))
struct GeluTanh {
    template <class A>
    static A inner(A x) {
        return A(2 * 0.79788456080286535588) * (x + A(0.044715) * x * x * x);
    }
    template <class A>
    static A value(A x) {
        return x / (A(1) + exponential(-inner(x)));
    }
    template <class A>
    static A slope(A x) {
        const A s = A(1) / (A(1) + exponential(-inner(x)));
        return s + x * s * (A(1) - s) * A(2 * 0.79788456080286535588) * (A(1) + A(3 * 0.044715) * x * x);
    }
};

struct GeluErf {
    template <class A>
    static A value(A x) {
        return x * A(0.5) * (A(1) + errorFunction(x * A(0.70710678118654752440)));
    }
    template <class A>
    static A slope(A x) {
        const A cdf = A(0.5) * (A(1) + errorFunction(x * A(0.70710678118654752440)));
        return cdf + x * A(0.39894228040143267794) * exponential(A(-0.5) * x * x);
    }
};

template <class Act, class T>
void forward(bool gated, const T* gateUp, T* y, Int yStride, Int rows, Int width) {
    for (Int r = 0; r < rows; ++r, y += yStride) {
        const T* gate = gateUp + r * width * (gated ? 2 : 1);
        if (gated) {
            const T* up = gate + width;
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c)
                store(y + c, Act::value(load(gate + c)) * load(up + c));
        } else {
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c)
                store(y + c, Act::value(load(gate + c)));
        }
    }
}

template <class Act, class T>
void backward(bool gated, T* gateUp, T* y, Int yStride, const T* dy, Int dyStride, Int rows, Int width) {
    using A = typename Arithmetic<T>::Type;
    for (Int r = 0; r < rows; ++r, y += yStride, dy += dyStride) {
        T* gate = gateUp + r * width * (gated ? 2 : 1);
        if (gated) {
            T* up = gate + width;
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c) {
                const A g = load(gate + c), u = load(up + c), d = load(dy + c);
                const A value = Act::value(g);
                store(y + c, value * u);
                store(gate + c, d * u * Act::slope(g));
                store(up + c, d * value);
            }
        } else {
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c) {
                const A g = load(gate + c);
                store(y + c, Act::value(g));
                store(gate + c, load(dy + c) * Act::slope(g));
            }
        }
    }
}

template <class T>
void activation(ActivationCode code, bool gated, const T* gateUp, T* y, Int yStride, Int rows, Int width) {
    switch (code) {
    case ActivationCode::Silu:
        return forward<Silu>(gated, gateUp, y, yStride, rows, width);
    case ActivationCode::GeluTanh:
        return forward<GeluTanh>(gated, gateUp, y, yStride, rows, width);
    case ActivationCode::GeluErf:
        return forward<GeluErf>(gated, gateUp, y, yStride, rows, width);
    case ActivationCode::Relu:
        return forward<Relu>(gated, gateUp, y, yStride, rows, width);
    }
}

template <class T>
void activationBackward(ActivationCode code, bool gated, T* gateUp, T* y, Int yStride, const T* dy, Int dyStride,
                        Int rows, Int width) {
    switch (code) {
    case ActivationCode::Silu:
        return backward<Silu>(gated, gateUp, y, yStride, dy, dyStride, rows, width);
    case ActivationCode::GeluTanh:
        return backward<GeluTanh>(gated, gateUp, y, yStride, dy, dyStride, rows, width);
    case ActivationCode::GeluErf:
        return backward<GeluErf>(gated, gateUp, y, yStride, dy, dyStride, rows, width);
    case ActivationCode::Relu:
        return backward<Relu>(gated, gateUp, y, yStride, dy, dyStride, rows, width);
    }
}

template <class T>
void fill(KernelTable<T>& table) {
    table.activation = activation<T>;
    table.activationBackward = activationBackward<T>;
}

} // namespace

void fillActivation(KernelTable<float>& f, KernelTable<double>& d, KernelTable<Bf16>& b) {
    fill(f), fill(d), fill(b);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
