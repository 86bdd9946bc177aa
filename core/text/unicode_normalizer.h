// The four Unicode normal forms, with alignment. Immutable; safe from any thread.
#pragma once

#include "core/text/normalizers.h"

namespace attune {

class UnicodeNormalizer final : public Normalizer {
public:
    UnicodeNormalizer(bool compose, bool compatibility) : m_compose(compose), m_compatibility(compatibility) {}
    Status apply(AlignedText& text) const override;

private:
    bool m_compose, m_compatibility;
};

} // namespace attune
