#include "tools/starter/pen.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "tools/starter/grammar/grammar.h"

namespace attune::starter {

namespace {

// A grammar is part of the program: a mistake in it is a bug that must not reach a corpus silently.
[[noreturn]] void grammarMistake(std::string_view what, std::string_view where) {
    std::fprintf(stderr, "grammar: %.*s in \"%.*s\"\n", static_cast<int>(what.size()), what.data(),
                 static_cast<int>(where.size()), where.data());
    std::abort();
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\n'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n'))
        text.remove_suffix(1);
    return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(separator, begin), text.size());
        if (const std::string_view part = trimmed(text.substr(begin, end - begin)); !part.empty())
            parts.emplace_back(part);
        begin = end + 1;
    }
    return parts;
}

bool startsWithVowelSound(std::string_view rest) {
    const auto starts = [&](std::string_view prefix) { return rest.substr(0, prefix.size()) == prefix; };
    if (rest.empty())
        return false;
    if (starts("hour") || starts("honest"))
        return true;
    if (starts("uni") || starts("use") || starts("one") || starts("euro"))
        return starts("unin") || starts("unim");
    return std::string_view("aeiouAEIOU8").find(rest.front()) != std::string_view::npos;
}

// The end of a bracketed part that opens at `begin`.
std::size_t closing(std::string_view source, std::size_t begin) {
    int depth = 0;
    for (std::size_t i = begin; i < source.size(); ++i) {
        if (source[i] == '[' || source[i] == '{')
            ++depth;
        else if ((source[i] == ']' || source[i] == '}') && --depth == 0)
            return i;
    }
    grammarMistake("an unclosed bracket", source);
}

} // namespace

const Lexicon& Lexicon::english() {
    static const Lexicon lexicon = [] {
        Lexicon made;
        for (const std::string_view source : grammar::sources())
            made.add(source);
        return made;
    }();
    return lexicon;
}

// "@name" opens a list of words (separated by commas, forms by slashes), "@@name" a list of templates (one per line).
void Lexicon::add(std::string_view source) {
    std::vector<Entry>* list = nullptr;
    bool templates = false;
    for (const std::string& line : split(source, '\n')) {
        if (line[0] == '@') {
            templates = line.rfind("@@", 0) == 0;
            list = &m_lists[line.substr(templates ? 2 : 1)];
        } else if (!list) {
            grammarMistake("an entry before the first list", line);
        } else if (templates) {
            list->push_back({line});
        } else {
            for (const std::string& word : split(line, ','))
                list->push_back(split(word, '/'));
        }
    }
}

const std::vector<Entry>& Lexicon::list(std::string_view name) const {
    const auto found = m_lists.find(name);
    if (found == m_lists.end() || found->second.empty())
        grammarMistake("no list of this name", name);
    return found->second;
}

std::string capitalised(std::string text) {
    if (!text.empty())
        text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

namespace {

// What may follow a closed question or exclamation in quotes without starting a sentence: "Who is it?" asked Anna.
bool continuesSpeech(std::string_view rest) {
    for (const std::string_view word :
         {"asked", "said", "answered", "replied", "whispered", "called", "explained", "thought", "he ", "she ", "was "})
        if (rest.substr(0, word.size()) == word)
            return true;
    return false;
}

// Whether a quotation that opens before `rest` goes on with a sentence that was interrupted: "...," said Tom, "but
// ...".
bool continuesSentence(std::string_view rest) {
    for (const std::string_view word : {"but ", "because ", "and "})
        if (rest.substr(0, word.size()) == word)
            return true;
    return false;
}

bool endsSentence(char c) {
    return c == '.' || c == '!' || c == '?';
}

} // namespace

std::string finishSentences(std::string text) {
    std::string out;
    out.reserve(text.size() + 8);
    bool start = true;
    const std::string_view all = text;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if ((c == 'a' || c == 'A') && text.compare(i + 1, 2, "_ ") == 0 &&
            (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1])))) {
            out += start ? 'A' : c;
            if (startsWithVowelSound(all.substr(i + 3)))
                out += 'n';
            i += 1;
            start = false;
            continue;
        }
        if (start && std::isalnum(static_cast<unsigned char>(c))) {
            out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            start = false;
            continue;
        }
        const char before = i > 0 ? text[i - 1] : '\n';
        if (c == ' ' && endsSentence(before))
            start = true;
        else if (c == ' ' && before == '"' && i > 1 && endsSentence(text[i - 2]))
            start = text[i - 2] == '.' || !continuesSpeech(all.substr(i + 1));
        else if (c == '\n')
            start = endsSentence(before) || before == '\n' || before == '"';
        else if (c == '"' && (before == ' ' || before == '\n'))
            start = !(i > 1 && text[i - 2] == ',' && continuesSentence(all.substr(i + 1)));
        out += c;
    }
    return out;
}

std::string numberWord(int number) {
    static const char* const kSmall[] = {
        "zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
        "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    static const char* const kTens[] = {"",      "",      "twenty",  "thirty", "forty",
                                        "fifty", "sixty", "seventy", "eighty", "ninety"};
    if (number < 20)
        return kSmall[number];
    return std::string(kTens[number / 10]) + (number % 10 ? std::string("-") + kSmall[number % 10] : "");
}

std::string joinWords(const std::vector<std::string>& words, std::string_view last) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i)
        out += (i == 0 ? "" : i + 1 == words.size() ? std::string(last) : ", ") + words[i];
    return out;
}

std::string Pen::part(std::string_view source) {
    std::string out;
    expand(source, out, 0);
    return out;
}

std::string Pen::say(std::string_view source) {
    return finishSentences(part(source));
}

void Pen::bindPerson(const std::string& name) {
    for (;;) {
        const bool woman = chance(0.5);
        const std::string& given = pick(Lexicon::english().list(woman ? "woman_name" : "man_name")).front();
        bool taken = false;
        for (const auto& [key, entry] : m_bound)
            taken = taken || (key != name && entry.front() == given);
        if (taken)
            continue;
        bind(name, given);
        bind(name + ".he", woman ? "she" : "he");
        bind(name + ".him", woman ? "her" : "him");
        bind(name + ".his", woman ? "her" : "his");
        bind(name + ".himself", woman ? "herself" : "himself");
        bind(name + ".kid", woman ? "girl" : "boy");
        bind(name + ".adult", woman ? "woman" : "man");
        return;
    }
}

const std::string& Pen::word(std::string_view name, std::size_t form) const {
    const auto found = m_bound.find(name);
    if (found == m_bound.end())
        grammarMistake("nothing is bound to this name", name);
    return found->second[std::min(form, found->second.size()) - 1];
}

std::vector<std::string> Pen::different(std::string_view list, std::size_t k) {
    const std::vector<Entry>& entries = Lexicon::english().list(list);
    std::vector<std::string> chosen;
    while (chosen.size() < k) {
        const std::string& candidate = pick(entries).front();
        if (std::find(chosen.begin(), chosen.end(), candidate) == chosen.end())
            chosen.push_back(candidate);
    }
    return chosen;
}

void Pen::expand(std::string_view source, std::string& out, int depth) {
    if (depth > 40)
        grammarMistake("endless recursion", source);
    for (std::size_t i = 0; i < source.size(); ++i) {
        const char c = source[i];
        if (c == '^') {
            out += '\n';
        } else if (c == '{') {
            const std::size_t end = closing(source, i);
            slot(source.substr(i + 1, end - i - 1), out, depth);
            i = end;
        } else if (c == '[') {
            const std::size_t end = closing(source, i);
            std::vector<std::string_view> alternatives;
            int level = 0;
            std::size_t begin = i + 1;
            for (std::size_t j = i + 1; j <= end; ++j) {
                if (source[j] == '[' || source[j] == '{')
                    ++level;
                else if (j < end && (source[j] == ']' || source[j] == '}'))
                    --level;
                else if (j == end || (source[j] == '|' && level == 0)) {
                    alternatives.push_back(source.substr(begin, j - begin));
                    begin = j + 1;
                }
            }
            expand(alternatives[below(alternatives.size())], out, depth + 1);
            i = end;
        } else {
            out += c;
        }
    }
}

void Pen::slot(std::string_view source, std::string& out, int depth) {
    std::size_t form = 1;
    if (const std::size_t hash = source.find('#'); hash != std::string_view::npos) {
        form = static_cast<std::size_t>(source[hash + 1] - '0');
        source = source.substr(0, hash);
    }
    std::string bindTo;
    if (const std::size_t colon = source.find(':'); colon != std::string_view::npos) {
        bindTo = source.substr(colon + 1);
        source = source.substr(0, colon);
    }
    std::string name(source);
    if (name.empty())
        grammarMistake("an empty slot", source);
    const bool capital = std::isupper(static_cast<unsigned char>(name[0]));
    name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));

    std::string text;
    if (const auto bound = m_bound.find(name); bound != m_bound.end()) {
        text = word(name, form);
    } else {
        const std::vector<Entry>& list = Lexicon::english().list(name);
        const Entry* chosen = &pick(list);
        constexpr std::size_t kSentence = 24; // shorter entries are words, which may come again
        for (int attempt = 0; attempt < 8 && chosen->front().size() > kSentence && m_used.count(chosen); ++attempt)
            chosen = &pick(list);
        m_used.insert(chosen);
        Entry entry = *chosen;
        if (entry.size() == 1 || !bindTo.empty())
            for (std::string& one : entry) { // templates among the entries
                std::string expanded;
                expand(one, expanded, depth + 1);
                one = std::move(expanded);
            }
        text = entry[std::min(form, entry.size()) - 1];
        if (!bindTo.empty())
            m_bound[bindTo] = std::move(entry);
    }
    out += capital ? capitalised(std::move(text)) : text;
}

} // namespace attune::starter
