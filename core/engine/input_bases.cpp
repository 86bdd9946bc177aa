#include "core/engine/input_bases.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/engine/sample_rows.h"
#include "core/plan/engine_memory.h"

namespace attune {

namespace {

constexpr std::int64_t kWideInput = 1024, kWideInputTokens = 512;

// What one layer has read so far.
class LayerInputs {
public:
    // stride: of a wide layer every so many-th token is kept.
    void add(const at::Tensor& x, std::int64_t stride, at::ScalarType master) {
        if (x.size(1) > kWideInput) {
            const std::int64_t first = (stride - m_tokens % stride) % stride;
            if (first < x.size(0))
                m_kept.push_back(x.slice(0, first, x.size(0), stride).clone());
        } else {
            const at::Tensor rows = x.to(master);
            if (!m_moment.defined())
                m_moment = at::zeros({x.size(1), x.size(1)}, rows.options());
            m_moment.addmm_(rows.t(), rows);
        }
        m_tokens += x.size(0);
    }

    // [in, k], orthonormal; undefined where the inputs have no energy. Errors: Numerical (not finite). Throws what ATen throws.
    Result<at::Tensor> basis(double quietShare, at::ScalarType master) {
        const at::Tensor inputs = m_kept.empty() ? at::Tensor() : at::cat(m_kept).to(at::kDouble);
        m_kept.clear();
        const at::Tensor products = inputs.defined() ? at::mm(inputs, inputs.t()) : m_moment.to(at::kDouble);
        m_moment.reset();
        if (!std::isfinite(products.sum().item<double>()))
            return fail(ErrorCode::Numerical, "What the layers read of the general data is not finite numbers",
                        "Look at the general data, or compute in f32 (training.precision).");
        const auto [rising, vectors] = at::linalg_eigh(products);
        const at::Tensor energy = rising.clamp_min(0).flip({0}).cpu();
        const double whole = energy.sum().item<double>();
        if (whole == 0)
            return at::Tensor();
        const std::int64_t in = inputs.defined() ? inputs.size(1) : products.size(0);
        const std::int64_t most = std::min(heldDirections(in), energy.size(0));
        double held = 0;
        std::int64_t count = 0;
        while (count < most && held < (1 - quietShare) * whole)
            held += energy.data_ptr<double>()[count++];
        at::Tensor columns = vectors.flip({1}).narrow(1, 0, count);
        if (inputs.defined()) // the eigenvectors of X X^T are those of X^T X seen from the tokens
            columns = std::get<0>(at::linalg_qr(at::mm(inputs.t(), columns)));
        return columns.to(master).contiguous();
    }

private:
    std::int64_t m_tokens = 0;
    at::Tensor m_moment;            // [in, in], or
    std::vector<at::Tensor> m_kept; // inputs of single tokens
};

bool hasAdapter(const Linear& layer) {
    return std::any_of(layer.parts.begin(), layer.parts.end(), [](const LinearPart& part) { return part.lora != nullptr; });
}

} // namespace

Result<InputBases> measureInputBases(CausalLm& model, const TokenDataset& data, std::int64_t rows, double quietShare, const Progress& progress) {
    at::NoGradGuard noGrad;
    const SampleRows packed(data, {});
    const std::int64_t count = std::min<std::int64_t>(rows, packed.samples());
    const auto rowOf = [&](std::int64_t i) { return static_cast<std::uint32_t>(i * packed.samples() / count); };
    std::int64_t tokens = 0;
    for (std::int64_t i = 0; i < count; ++i)
        tokens += packed.tokens(rowOf(i));
    const std::int64_t stride = std::max<std::int64_t>(1, (tokens + kWideInputTokens - 1) / kWideInputTokens);
    const auto stopped = [] { return fail(ErrorCode::Cancelled, "The run was stopped while it measured what general text uses"); };
    try {
        std::map<const Linear*, LayerInputs> seen;
        {
            TrainingPass pass(model);
            ForwardOptions options{.keepForBackward = false, .training = false};
            options.layerInputs = [&](const Linear& layer, const at::Tensor& input) {
                if (hasAdapter(layer))
                    seen[&layer].add(input, stride, model.masterType());
            };
            for (std::int64_t i = 0; i < count; ++i) {
                if (progress.cancelled())
                    return stopped();
                const std::uint32_t row[] = {rowOf(i)};
                ATTUNE_CHECK(pass.forward(packed.pack(row).tokens, options));
                progress.report(0.7 * static_cast<double>(i + 1) / static_cast<double>(count), "Measuring what general text uses");
            }
        }
        InputBases bases;
        std::size_t done = 0;
        for (auto& [layer, inputs] : seen) {
            if (progress.cancelled())
                return stopped();
            ATTUNE_ASSIGN(const at::Tensor basis, inputs.basis(quietShare, model.masterType()));
            if (basis.defined())
                bases.emplace(layer, basis);
            progress.report(0.7 + 0.3 * static_cast<double>(++done) / static_cast<double>(seen.size()), "Measuring what general text uses");
        }
        return bases;
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("What the layers read of the general data does not fit into memory: ") + exception.what(),
                    "Measure with fewer rows (protection.rows), or choose the protection replay.");
    }
}

} // namespace attune
