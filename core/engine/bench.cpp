#include "core/engine/bench.h"

#include "core/engine/bench_generate.h"
#include "core/engine/bench_train.h"
#include "core/engine/train_run.h"
#include "core/nn/bench_shapes.h"

namespace attune {

Result<Json> runBench(const std::string& what, const Json& options, std::stop_token stop) {
    applyThreads(options.value("threads", std::int64_t{0}));
    if (what == "train")
        return benchTrain(options, stop);
    if (what == "generate")
        return benchGenerate(options, stop);
    if (what == "gemm")
        return Json{{"gemm_gflops", measureGemmRate(at::kBFloat16) / 1e9}, {"gemm_gflops_f32", measureGemmRate(at::kFloat) / 1e9}};
    return fail(ErrorCode::InvalidArgument, "There is no benchmark \"" + what + "\"", "Choose train, generate, tokenize or import.");
}

} // namespace attune
