// Reading: a short passage of facts about a few people, then questions whose answers are copied from it. This is what
// teaches a small model to look something up in its context.
#include "tools/starter/writers.h"

#include <algorithm>
#include <map>

namespace attune::starter {

namespace {

// One kind of fact. v, w are values drawn from the named lists; sentences, questions and answers are templates over p,
// v, w.
struct FactKind {
    std::string valueList, secondList;
    std::vector<std::string> sentences, questions, answers;
    std::string shortAnswer;
};

const std::vector<FactKind>& factKinds() {
    static const std::vector<FactKind> all{
        {"place",
         "",
         {"{p} is at the {v}.", "{p} went to the {v}.", "you can find {p} at the {v}.",
          "at the moment {p} is at the {v}."},
         {"where is {p}?", "where did {p} go?", "at which place is {p}?"},
         {"{p} is at the {v}.", "at the {v}."},
         "{v}"},
        {"colour",
         "cloth",
         {"{p} wears a_ {v} {w}.", "{p} has a_ {v} {w}.", "the {w} of {p} is {v}.", "{p} bought a_ {v} {w}."},
         {"what colour is the {w} of {p}?", "which colour is {p}'s {w}?"},
         {"{p}'s {w} is {v}.", "the {w} of {p} is {v}.", "it is {v}."},
         "{v}"},
        {"number",
         "fruit#2",
         {"{p} has {v} {w}.", "{p} bought {v} {w}.", "there are {v} {w} in {p}'s bag.", "{p} is carrying {v} {w}."},
         {"how many {w} does {p} have?", "how many {w} has {p}?"},
         {"{p} has {v} {w}.", "{v}."},
         "{v}"},
        {"job",
         "",
         {"{p} is a_ {v}.", "{p} works as a_ {v}.", "{p} has been a_ {v} for years.",
          "for a living {p} works as a_ {v}."},
         {"what is {p}'s job?", "what does {p} do for a living?", "what is {p} by profession?"},
         {"{p} is a_ {v}.", "{p} works as a_ {v}."},
         "{v}"},
        {"pet",
         "pet_name",
         {"{p} has a_ {v} called {w}.", "{p}'s {v} is called {w}.", "{w} is the name of {p}'s {v}."},
         {"what is the name of {p}'s {v}?", "what is {p}'s {v} called?"},
         {"{p}'s {v} is called {w}.", "it is called {w}."},
         "{w}"},
        {"drink",
         "",
         {"{p} likes to drink {v}.", "{p} ordered {v}.", "in the morning {p} drinks {v}.", "{p} asked for some {v}."},
         {"what does {p} drink?", "what does {p} like to drink?"},
         {"{p} drinks {v}.", "{v}."},
         "{v}"},
        {"town",
         "",
         {"{p} comes from {v}.", "{p} lives in {v}.", "the home of {p} is {v}.", "{p} grew up in {v}."},
         {"where does {p} come from?", "in which town is {p} at home?"},
         {"{p} comes from {v}.", "{v}."},
         "{v}"},
        {"thing",
         "relative",
         {"{p} got a_ {v} from {p.his} {w}.", "{p}'s {w} gave {p.him} a_ {v}.", "the {w} of {p} sent {p.him} a_ {v}."},
         {"who gave {p} the {v}?", "from whom did {p} get the {v}?"},
         {"{p}'s {w} gave {p.him} the {v}.", "{p} got the {v} from {p.his} {w}."},
         "{p.his} {w}"},
        {"thing",
         "relative",
         {"{p} got a_ {v} from {p.his} {w}.", "{p}'s {w} gave {p.him} a_ {v}."},
         {"what did {p} get?", "what did the {w} give to {p}?"},
         {"{p} got a_ {v}.", "a_ {v}."},
         "{v}"},
        {"day",
         "place",
         {"on {v} {p} will visit the {w}.", "{p} wants to go to the {w} on {v}.", "{p}'s visit to the {w} is on {v}."},
         {"when will {p} go to the {w}?", "on which day will {p} visit the {w}?"},
         {"on {v}.", "{p} will go to the {w} on {v}."},
         "{v}"},
        {"early",
         "",
         {"{p} gets up at {v}.", "for {p} the day begins at {v}.", "{p}'s alarm rings at {v}."},
         {"when does {p} get up?", "at what time does {p} get up?"},
         {"{p} gets up at {v}.", "at {v}."},
         "{v}"},
        {"hobby",
         "",
         {"{p} loves {v}.", "{p}'s hobby is {v}.", "in the evening {p} spends a lot of time {v}.", "{p} enjoys {v}."},
         {"what is {p}'s hobby?", "what does {p} like to do?"},
         {"{p} likes {v}.", "{p}'s hobby is {v}."},
         "{v}"},
        {"room",
         "thing",
         {"{p} left the {w} in the {v}.", "{p} put the {w} in the {v}.", "{p}'s {w} is in the {v}."},
         {"where is {p}'s {w}?", "in which room is {p}'s {w}?"},
         {"{p}'s {w} is in the {v}.", "it is in the {v}.", "in the {v}."},
         "{v}"},
        {"thing",
         "price",
         {"{p} paid {w} euros for a_ {v}.", "{p} bought a_ {v} for {w} euros.", "the {v} cost {p} {w} euros."},
         {"how much did {p} pay for the {v}?", "how many euros did {p} pay for the {v}?"},
         {"{p} paid {w} euros for the {v}.", "{w} euros."},
         "{w}"},
        {"mood",
         "",
         {"{p} is {v} today.", "today {p} feels {v}.", "{p} has been {v} since the morning."},
         {"how does {p} feel?", "how does {p} feel today?"},
         {"{p} is {v}.", "{p} feels {v} today."},
         "{v}"},
        {"vehicle",
         "town",
         {"{p} takes the {v} to {w}.", "{p} went to {w} by {v}.", "{p} travels to {w} by {v}."},
         {"how does {p} get to {w}?", "how does {p} travel?"},
         {"{p} takes the {v}.", "by {v}."},
         "{v}"},
    };
    return all;
}

struct Fact {
    const FactKind* kind;
    std::string person, his, him, he, value, second;
};

void bindFact(Pen& pen, const Fact& fact) {
    pen.bind("p", fact.person);
    pen.bind("p.his", fact.his);
    pen.bind("p.him", fact.him);
    pen.bind("p.he", fact.he);
    pen.bind("v", fact.value);
    pen.bind("w", fact.second);
}

std::string drawValue(Pen& pen, const std::string& list) {
    if (list.empty())
        return {};
    if (list == "price")
        return std::to_string(pen.between(2, 98));
    return pen.part("{" + list + "}");
}

Fact drawFact(Pen& pen, const FactKind& kind, const std::string& key) {
    Fact fact{&kind, pen.word(key), pen.word(key + ".his"), pen.word(key + ".him"), pen.word(key + ".he"), {}, {}};
    fact.value = drawValue(pen, kind.valueList);
    fact.second = drawValue(pen, kind.secondList);
    return fact;
}

} // namespace

Document readingTask(Pen& pen) {
    pen.forget();
    const int people = pen.between(2, 5);
    std::vector<Fact> facts;
    // The second sort of passage gives every person a fact of the same kind, so that only looking at the name helps.
    const bool sameKind = pen.chance(0.45);
    const FactKind& shared = pen.pick(factKinds());
    for (int i = 0; i < people; ++i) {
        const std::string key(1, static_cast<char>('e' + i));
        pen.bindPerson(key);
        std::vector<const FactKind*> used;
        for (int k = pen.between(1, sameKind ? 2 : 3); k > 0; --k) {
            const FactKind* kind = sameKind && used.empty() ? &shared : &pen.pick(factKinds());
            const auto sameValues = [&](const FactKind* other) {
                return other->valueList == kind->valueList || other->valueList + other->secondList == "townvehicle";
            };
            if (std::any_of(used.begin(), used.end(), sameValues))
                continue;
            used.push_back(kind);
            facts.push_back(drawFact(pen, *kind, key));
        }
    }
    if (pen.chance(0.6))
        pen.shuffle(facts);
    std::string passage;
    for (const Fact& fact : facts) {
        bindFact(pen, fact);
        passage += (passage.empty() ? "" : " ") + pen.say(pen.pick(fact.kind->sentences));
        if (pen.chance(0.1))
            passage += " " + pen.say("[it is a_ {weather} {day}.|the {place} is closed today.|outside it is "
                                     "{weather}.|there are {number} {animal#2} at the {place}.]");
    }
    Document document;
    const bool asText = pen.chance(0.15);
    std::vector<const Fact*> asked;
    for (const Fact& fact : facts)
        asked.push_back(&fact);
    pen.shuffle(asked);
    asked.resize(std::min<std::size_t>(asked.size(), static_cast<std::size_t>(pen.between(2, 6))));
    const bool questionFirst = pen.chance(0.15);
    const bool brief = pen.chance(0.15);
    document.text = passage;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        bindFact(pen, *asked[i]);
        std::string question = pen.say(pen.pick(asked[i]->kind->questions));
        std::string answer = brief ? pen.part(asked[i]->kind->shortAnswer) : pen.say(pen.pick(asked[i]->kind->answers));
        if (!asText && pen.chance(0.06)) { // somebody the passage does not know
            pen.bindPerson("z");
            const std::string stranger = pen.word("z");
            if (passage.find(stranger) == std::string::npos) {
                pen.bind("p", stranger);
                question = pen.say(pen.pick(asked[i]->kind->questions));
                answer = brief ? "unknown"
                               : pen.say("[the text does not say that.|that is not in the text.|the text says nothing "
                                         "about {p}.]");
            }
        }
        if (asText) {
            document.text += "\nQuestion: " + question + "\nAnswer: " + answer;
            continue;
        }
        std::string content = question;
        if (i == 0 && brief)
            content +=
                pen.part(" [Answer in one or two words.|Give only the answer.|Answer briefly.|Short answer, please.]");
        if (i == 0)
            content = questionFirst
                          ? content + "\n\n" + passage
                          : pen.part("[|||Read the text.^^|Text:^|Here is a text.^^]") + passage + "\n\n" + content;
        document.messages.push_back({"user", content});
        document.messages.push_back({"assistant", answer});
    }
    if (!asText)
        document.text.clear();
    return document;
}

} // namespace attune::starter
