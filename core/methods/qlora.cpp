#include "core/methods/qlora.h"

namespace attune {

QloraMethod::QloraMethod() {
    m_description.id = "qlora";
    m_description.title = "QLoRA";
    m_description.summary = "LoRA on a model held in 4 bits: a quarter of the memory, for models that would not fit otherwise.";
    m_description.cost = "Least memory for the weights; slower steps", m_description.quality = "A little below LoRA: the base is rounded";
    m_description.params = m_lora.description().params;
}

Status QloraMethod::attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const {
    try {
        model.packLinears();
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("The model does not fit into memory: ") + exception.what(),
                    "Choose a smaller model.");
    }
    return m_lora.attach(model, params, seed);
}

} // namespace attune
