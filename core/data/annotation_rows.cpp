#include "core/data/annotation_rows.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace attune {

namespace {

// Answers of several reviewers to one question.
class Votes {
public:
    void add(const Json& value) {
        if (value.is_null())
            return;
        const std::string key = value.dump(-1, ' ', false, Json::error_handler_t::replace);
        auto& [answer, count] = m_votes[key];
        answer = value;
        ++count;
    }
    bool empty() const { return m_votes.empty(); }
    Json winner() const { // of at least one vote
        const auto fewer = [](const auto& a, const auto& b) { return a.second.second < b.second.second; };
        const auto best = std::max_element(m_votes.begin(), m_votes.end(), fewer);
        const auto leaders = std::count_if(m_votes.begin(), m_votes.end(),
                                           [&](const auto& vote) { return vote.second.second == best->second.second; });
        return leaders > 1 ? Json("no majority") : best->second.first;
    }

private:
    std::map<std::string, std::pair<Json, int>> m_votes;
};

using Questions = std::map<std::string, Votes>;

// Why answers were passed over; the last one is told, all of them when nothing else counted.
class Passed {
public:
    void note(std::string why) { m_why = std::move(why); }
    void markIfEmpty(Json& row, const Questions& questions, const char* otherwise) const {
        for (const auto& [name, votes] : questions)
            if (!votes.empty())
                return;
        row[std::string(kUnjudgedColumn)] = m_why.empty() ? otherwise : m_why;
    }

private:
    std::string m_why;
};

constexpr const char* kNotAnnotated = "not annotated yet";

bool counts(const Json& answer, Passed& passed) {
    const auto status = answer.find("status");
    if (status == answer.end() || !status->is_string() || *status == "submitted")
        return true;
    passed.note(*status == "discarded" ? std::string("discarded by the annotator")
                                       : std::string(*status == "draft" ? "the answer is a draft" : "the answer is not submitted yet"));
    return false;
}

// {"value": x} or x itself.
const Json& valueOf(const Json& answer) {
    const auto found = answer.is_object() ? answer.find("value") : answer.end();
    return found != answer.end() ? *found : answer;
}

bool isAnswerList(const Json& cell) {
    if (!cell.is_array() || cell.empty())
        return false;
    for (const Json& answer : cell)
        if (!answer.is_object() || !answer.contains("value") || !(answer.contains("user_id") || answer.contains("status")))
            return false;
    return true;
}

void addAnswers(const Json& list, Votes& votes, Passed& passed) {
    for (const Json& answer : list)
        if (answer.is_object() && counts(answer, passed))
            votes.add(valueOf(answer));
}

void addQuestions(const Questions& questions, Json& row) {
    for (const auto& [name, votes] : questions)
        if (!votes.empty())
            row[name] = votes.winner();
}

// One part of a Label Studio annotation: pairwise {"selected"}, choices {"choices"}, textarea {"text"}, rating {"rating"}.
Json labelStudioValue(const Json& value) {
    for (const char* key : {"selected", "choices", "text", "rating", "number"}) {
        const auto found = value.find(key);
        if (found == value.end())
            continue;
        if (found->is_array() && found->size() == 1)
            return found->front();
        return *found;
    }
    return nullptr;
}

Json flattenLabelStudio(const Json& task, const Json& annotations) {
    Json row = task["data"];
    Questions questions;
    Passed passed;
    for (const Json& annotation : annotations) {
        if (annotation.is_object() && annotation.contains("was_cancelled") && annotation["was_cancelled"] == true) {
            passed.note("skipped by the annotator (was_cancelled)");
            continue;
        }
        const auto results = annotation.is_object() ? annotation.find("result") : annotation.end();
        if (!annotation.is_object() || results == annotation.end() || !results->is_array() || results->empty()) {
            passed.note("the annotation is empty");
            continue;
        }
        for (const Json& result : *results)
            if (result.is_object() && result.contains("from_name") && result["from_name"].is_string() &&
                result.contains("value") && result["value"].is_object())
                questions[result["from_name"].get<std::string>()].add(labelStudioValue(result["value"]));
    }
    addQuestions(questions, row);
    passed.markIfEmpty(row, questions, kNotAnnotated);
    return row;
}

Json flattenArgilla(const Json& record, const Json& responses) {
    Json row = record["fields"];
    Questions questions;
    Passed passed;
    if (const auto status = record.find("status"); status != record.end() && *status == "discarded")
        passed.note("discarded by the annotator");
    if (responses.is_object()) {
        for (const auto& [name, answers] : responses.items())
            if (answers.is_array())
                addAnswers(answers, questions[name], passed);
    } else {
        for (const Json& reviewer : responses) {
            if (!reviewer.is_object() || !counts(reviewer, passed) || !reviewer.contains("values") || !reviewer["values"].is_object())
                continue;
            for (const auto& [name, answer] : reviewer["values"].items())
                questions[name].add(valueOf(answer));
        }
    }
    addQuestions(questions, row);
    passed.markIfEmpty(row, questions, kNotAnnotated);
    return row;
}

// Argilla 2's flat form: NAME.responses beside NAME.responses.status, both lists in the order of the reviewers.
bool addFlatResponses(const Json& row, const std::string& name, const Json& answers, Questions& questions, Passed& passed) {
    static constexpr std::string_view kEnd = ".responses";
    const auto statuses = row.find(name + ".status");
    if (!name.ends_with(kEnd) || !answers.is_array() || statuses == row.end() || !statuses->is_array() || statuses->size() != answers.size())
        return false;
    Votes& votes = questions[name.substr(0, name.size() - kEnd.size())];
    for (std::size_t i = 0; i < answers.size(); ++i)
        if (counts({{"status", (*statuses)[i]}}, passed))
            votes.add(answers[i]);
    return true;
}

} // namespace

std::string_view whyUnjudged(const Json& row) {
    const auto why = row.is_object() ? row.find(std::string(kUnjudgedColumn)) : row.end();
    return row.is_object() && why != row.end() && why->is_string() ? std::string_view(why->get_ref<const std::string&>()) : std::string_view();
}

Json flattenAnnotations(Json row) {
    if (!row.is_object())
        return row;
    const auto objectAt = [&](const char* key) { return row.contains(key) && row[key].is_object(); };
    for (const char* key : {"annotations", "completions"})
        if (objectAt("data") && row.contains(key) && row[key].is_array())
            return flattenLabelStudio(row, row[key]);
    if (objectAt("fields") && row.contains("responses") && (row["responses"].is_array() || row["responses"].is_object()))
        return flattenArgilla(row, row["responses"]);
    Questions questions;
    Passed passed;
    bool any = false;
    for (auto& [name, cell] : row.items()) {
        any = addFlatResponses(row, name, cell, questions, passed) || any;
        if (!isAnswerList(cell))
            continue;
        any = true;
        Votes& votes = questions[name];
        addAnswers(cell, votes, passed);
        cell = nullptr; // its answer takes the place below
    }
    addQuestions(questions, row);
    if (any)
        passed.markIfEmpty(row, questions, kNotAnnotated);
    return row;
}

} // namespace attune
