#include "core/nn/kernels/kernel_table.h"

namespace attune::kernels {

#define ATTUNE_DECLARE_ISA(isa)                                                                                        \
    namespace isa {                                                                                                    \
    void fillNorm(KernelTable<float>&, KernelTable<double>&, KernelTable<Bf16>&);                                      \
    void fillActivation(KernelTable<float>&, KernelTable<double>&, KernelTable<Bf16>&);                                \
    void fillAttention(KernelTable<float>&, KernelTable<double>&, KernelTable<Bf16>&);                                 \
    void fillDecodeAttention(KernelTable<float>&, KernelTable<double>&, KernelTable<Bf16>&);                           \
    void fillElementwise(KernelTable<float>&, KernelTable<double>&, KernelTable<Bf16>&);                               \
    void fillColumnScale(KernelTable<float>&, KernelTable<double>&, KernelTable<Bf16>&);                               \
    void fillOptimizer(OptimizerTable<float>&, OptimizerTable<double>&);                                               \
    void fillNf4(Nf4Table&);                                                                                           \
    }

#define ATTUNE_FILL_ISA(isa)                                                                                           \
    do {                                                                                                               \
        isa::fillNorm(f, d, b);                                                                                        \
        isa::fillActivation(f, d, b);                                                                                  \
        isa::fillAttention(f, d, b);                                                                                   \
        isa::fillDecodeAttention(f, d, b);                                                                             \
        isa::fillElementwise(f, d, b);                                                                                 \
        isa::fillColumnScale(f, d, b);                                                                                 \
        isa::fillOptimizer(optimizerF, optimizerD);                                                                    \
        isa::fillNf4(nf4);                                                                                             \
    } while (false)

ATTUNE_DECLARE_ISA(baseline)
#ifdef ATTUNE_X86_KERNELS
ATTUNE_DECLARE_ISA(avx2)
ATTUNE_DECLARE_ISA(avx512)
#endif

namespace {

struct Tables {
    KernelTable<float> f{};
    KernelTable<double> d{};
    KernelTable<Bf16> b{};
    OptimizerTable<float> optimizerF{};
    OptimizerTable<double> optimizerD{};
    Nf4Table nf4{};

    explicit Tables(InstructionSet set) {
        switch (set) {
#ifdef ATTUNE_X86_KERNELS
        case InstructionSet::Avx512:
            ATTUNE_FILL_ISA(avx512);
            break;
        case InstructionSet::Avx2:
            ATTUNE_FILL_ISA(avx2);
            break;
#endif
        default:
            ATTUNE_FILL_ISA(baseline);
            break;
        }
    }
};

const Tables& tables(InstructionSet set) {
    static const Tables baselineTables(InstructionSet::Baseline), avx2Tables(InstructionSet::Avx2),
        avx512Tables(InstructionSet::Avx512);
    return set == InstructionSet::Avx512 ? avx512Tables : set == InstructionSet::Avx2 ? avx2Tables : baselineTables;
}

} // namespace

const char* name(InstructionSet set) {
    return set == InstructionSet::Avx512 ? "avx512" : set == InstructionSet::Avx2 ? "avx2" : "baseline";
}

InstructionSet bestInstructionSet() {
#ifdef ATTUNE_X86_KERNELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        return InstructionSet::Avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return InstructionSet::Avx2;
#endif
    return InstructionSet::Baseline;
}

bool cpuHasFastBf16() {
#ifdef ATTUNE_X86_KERNELS
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

template <>
const KernelTable<float>& kernelTable(InstructionSet set) {
    return tables(set).f;
}
template <>
const KernelTable<double>& kernelTable(InstructionSet set) {
    return tables(set).d;
}
template <>
const KernelTable<Bf16>& kernelTable(InstructionSet set) {
    return tables(set).b;
}
template <>
const OptimizerTable<float>& optimizerTable(InstructionSet set) {
    return tables(set).optimizerF;
}
template <>
const OptimizerTable<double>& optimizerTable(InstructionSet set) {
    return tables(set).optimizerD;
}
const Nf4Table& nf4Table(InstructionSet set) {
    return tables(set).nf4;
}

} // namespace attune::kernels
