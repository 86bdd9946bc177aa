// Character categories as the tokenizers' reference knows them: its tables for marks, punctuation and format characters
// stop at Unicode 8, those of its regular expressions at Unicode 16. Stateless; safe from any thread.
#pragma once

namespace attune::reference {

/// Categories that BERT's normalizer and the punctuation pre-tokenizers ask for.
bool isNonspacingMark(char32_t codePoint); // Mn
bool isPunctuation(char32_t codePoint);    // ASCII punctuation and symbols, or category P
bool isOther(char32_t codePoint);          // control, format and private use, not unassigned

/// Letters (L) and numbers (N) of the newest scripts, for where the system's library may not know them.
bool isNewLetter(char32_t codePoint);
bool isNewNumber(char32_t codePoint);

} // namespace attune::reference
