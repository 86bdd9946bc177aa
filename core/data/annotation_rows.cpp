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

bool counts(const Json& answer) {
    const auto status = answer.find("status");
    return status == answer.end() || !status->is_string() || *status == "submitted";
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

void addAnswers(const Json& list, Votes& votes) {
    for (const Json& answer : list)
        if (answer.is_object() && counts(answer))
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
    for (const Json& annotation : annotations) {
        if (!annotation.is_object() || (annotation.contains("was_cancelled") && annotation["was_cancelled"] == true))
            continue;
        const auto results = annotation.find("result");
        if (results == annotation.end() || !results->is_array())
            continue;
        for (const Json& result : *results)
            if (result.is_object() && result.contains("from_name") && result["from_name"].is_string() &&
                result.contains("value") && result["value"].is_object())
                questions[result["from_name"].get<std::string>()].add(labelStudioValue(result["value"]));
    }
    addQuestions(questions, row);
    return row;
}

Json flattenArgilla(const Json& record, const Json& responses) {
    Json row = record["fields"];
    Questions questions;
    if (responses.is_object()) {
        for (const auto& [name, answers] : responses.items())
            if (answers.is_array())
                addAnswers(answers, questions[name]);
    } else {
        for (const Json& reviewer : responses) {
            if (!reviewer.is_object() || !counts(reviewer) || !reviewer.contains("values") || !reviewer["values"].is_object())
                continue;
            for (const auto& [name, answer] : reviewer["values"].items())
                questions[name].add(valueOf(answer));
        }
    }
    addQuestions(questions, row);
    return row;
}

} // namespace

Json flattenAnnotations(Json row) {
    if (!row.is_object())
        return row;
    const auto objectAt = [&](const char* key) { return row.contains(key) && row[key].is_object(); };
    for (const char* key : {"annotations", "completions"})
        if (objectAt("data") && row.contains(key) && row[key].is_array())
            return flattenLabelStudio(row, row[key]);
    if (objectAt("fields") && row.contains("responses") && (row["responses"].is_array() || row["responses"].is_object()))
        return flattenArgilla(row, row["responses"]);
    for (auto& [name, cell] : row.items())
        if (isAnswerList(cell)) {
            Votes votes;
            addAnswers(cell, votes);
            cell = votes.empty() ? Json() : votes.winner();
        }
    return row;
}

} // namespace attune
