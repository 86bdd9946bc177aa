// A pen writes text from templates: choices, word lists, bound words and articles, all drawn from one seeded stream.
// Single thread. It knows no story and no task; those are the grammars in grammar/ and the writers that use it.
//
// Template language:
//   [a|b|c]       one of the alternatives (may nest; an empty alternative is allowed)
//   {list}        an entry of a word list; {list#2} its second form (plural, past tense ...); {list:x} also binds it to
//   x {x} {x#2}     a bound word again; {x.he} its pronoun; a first letter in upper case capitalises the result a_ word
//   "a" or "an", whichever fits ^             a new line
// Entries of sentence lists are templates themselves, so the lists form a context-free grammar with bindings.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/rng.h"

namespace attune::starter {

using Entry = std::vector<std::string>; // the forms of one word

/// All word and sentence lists, parsed once from the texts in grammar/.
class Lexicon {
public:
    static const Lexicon& english();
    /// The named list. The name must exist (a typing mistake in a grammar ends the program with its name).
    const std::vector<Entry>& list(std::string_view name) const;
    const std::map<std::string, std::vector<Entry>, std::less<>>& all() const { return m_lists; }

private:
    void add(std::string_view source);
    std::map<std::string, std::vector<Entry>, std::less<>> m_lists;
};

class Pen {
public:
    Pen(std::uint64_t seed, std::uint64_t stream) : m_rng(seed, stream) {}

    /// Expands a template exactly as written (no capitals, for parts of sentences).
    std::string part(std::string_view source);
    /// Expands a template and finishes it: a/an, capitals at sentence starts.
    std::string say(std::string_view source);

    void bind(std::string name, Entry entry) { m_bound[std::move(name)] = std::move(entry); }
    void bind(std::string name, std::string word) { bind(std::move(name), Entry{std::move(word)}); }
    /// Binds `name` to a person nobody else is bound to, with .he .him .his .himself .kid (boy or girl) and .adult.
    void bindPerson(const std::string& name);
    const std::string& word(std::string_view name, std::size_t form = 1) const;
    bool isBound(std::string_view name) const { return m_bound.find(name) != m_bound.end(); }
    void forget() { m_bound.clear(), m_used.clear(); }

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(m_rng.below(n)); }
    int between(int low, int high) { return low + static_cast<int>(below(static_cast<std::size_t>(high - low + 1))); }
    bool chance(double probability) { return m_rng.uniform() < probability; }
    template <class T>
    const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }
    template <class T>
    void shuffle(std::vector<T>& items) {
        for (std::size_t i = items.size(); i > 1; --i)
            std::swap(items[i - 1], items[below(i)]);
    }
    /// k different entries of a list in random order (their first forms); k <= size of the list.
    std::vector<std::string> different(std::string_view list, std::size_t k);

private:
    void expand(std::string_view source, std::string& out, int depth);
    void slot(std::string_view source, std::string& out, int depth);

    Rng m_rng;
    std::map<std::string, Entry, std::less<>> m_bound;
    std::set<const Entry*> m_used; // sentences of this document, which should not come twice
};

/// a_ -> a / an, and capitals at the start of every sentence, quoted ones included.
std::string finishSentences(std::string text);
std::string capitalised(std::string text);
/// "seven" for 7 (0 to 99).
std::string numberWord(int number);
/// "ham, eggs and tea".
std::string joinWords(const std::vector<std::string>& words, std::string_view last = " and ");

} // namespace attune::starter
