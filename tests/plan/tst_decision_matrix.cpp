#include <cmath>
#include <set>

#include <QtTest>

#include "core/plan/advisor_report.h"
#include "core/plan/decision_matrix.h"
#include "tests/support/test_main.h"

using namespace attune;

class DecisionMatrixTest : public QObject {
    Q_OBJECT

    static double sumOf(Approach approach, const Answers& answers,
                        const Weights& weights = {}) { // straight from the rows
        double sum = 0;
        for (const DecisionRule& rule : decisionRules().rules)
            if (answers.contains(rule.question) && answers.at(rule.question) == rule.choice)
                sum += rule.points[static_cast<std::size_t>(approach)] *
                       (weights.contains(rule.criterion) ? weights.at(rule.criterion) : 1);
        return sum;
    }
    static const Scenario& scenario(std::string_view id) {
        for (const Scenario& entry : decisionRules().scenarios)
            if (entry.id == id)
                return entry;
        qFatal("no such scenario");
    }

private Q_SLOTS:
    void theSixClassicScenariosComeOutAsStated_data() {
        QTest::addColumn<QByteArray>("id");
        QTest::addColumn<int>("expected");
        QTest::newRow("customer support") << QByteArray("customer_support") << int(Approach::PromptingRag);
        QTest::newRow("code style") << QByteArray("code_style") << int(Approach::FineTune);
        QTest::newRow("legal") << QByteArray("legal_documents") << int(Approach::PromptingRag);
        QTest::newRow("json") << QByteArray("json_records") << int(Approach::FineTune);
        QTest::newRow("medical") << QByteArray("medical_diagnosis") << int(Approach::FineTuneRag);
        QTest::newRow("brand voice") << QByteArray("brand_voice") << int(Approach::FineTune);
    }
    void theSixClassicScenariosComeOutAsStated() {
        QFETCH(QByteArray, id);
        QFETCH(int, expected);
        const Scenario& entry = scenario(id.toStdString());
        const auto advice = advise(entry.answers);
        QVERIFY(advice.has_value());
        QCOMPARE(int(advice->winner()), expected);
        QCOMPARE(int(entry.recommendation), expected);
        QVERIFY2(!advice->close, qPrintable(QString::number(advice->margin)));
        QCOMPARE(advice->nearest->id, entry.id);
        QCOMPARE(advice->nearest->agreeing, 12);
        // Not balanced on one answer: leaving out any single one changes nothing.
        for (const auto& [question, choice] : entry.answers) {
            Answers fewer = entry.answers;
            fewer.erase(question);
            QVERIFY2(advise(fewer)->winner() == advice->winner(), question.c_str());
        }
    }
    void thereAreExactlySixScenarios() { QCOMPARE(decisionRules().scenarios.size(), std::size_t{6}); }
    void theDataIsComplete() {
        const DecisionRules& rules = decisionRules();
        QVERIFY(rules.questions.size() >= 8 && rules.questions.size() <= 12);
        QCOMPARE(rules.approaches.size(), kApproachCount);
        for (std::size_t i = 0; i < kApproachCount; ++i) {
            QCOMPARE(int(rules.approaches[i].approach), int(i));
            QCOMPARE(rules.approaches[i].nextSteps.size(), rules.approaches[i].stationIds.size());
        }
        std::set<std::string> used;
        for (const DecisionRule& rule : rules.rules) {
            const Question* question = rules.question(rule.question);
            QVERIFY2(question && rules.criterion(rule.criterion), rule.question.c_str());
            QVERIFY(std::any_of(question->choices.begin(), question->choices.end(),
                                [&](const AnswerChoice& c) { return c.id == rule.choice; }));
            QVERIFY(!rule.reason.empty());
            QVERIFY(used.insert(rule.question + "=" + rule.choice).second);
            for (const double points : rule.points)
                QVERIFY(std::abs(points) <= 3);
        }
        for (const Question& question : rules.questions)
            for (const AnswerChoice& choice : question.choices)
                QVERIFY2(used.contains(question.id + "=" + choice.id),
                         choice.id.c_str()); // every answer moves something and says why
        for (const Scenario& entry : rules.scenarios)
            QCOMPARE(entry.answers.size(), rules.questions.size());
    }
    void scoresAreTheSumOfTheirReasons() {
        const Answers answers = scenario("json_records").answers;
        const Weights weights{{"format", 2.5}, {"effort", 0}};
        const auto advice = advise(answers, weights);
        for (const OptionScore& option : advice->options) {
            double reasons = 0, criteria = 0;
            for (const ScoreReason& reason : option.reasons)
                reasons += reason.points;
            for (const auto& [id, points] : option.byCriterion)
                criteria += points * advice->weights.at(id);
            QVERIFY(std::abs(option.total - sumOf(option.approach, answers, weights)) < 1e-9);
            QVERIFY(std::abs(option.total - reasons) < 1e-9);
            QVERIFY(std::abs(option.total - criteria) < 1e-9);
            QVERIFY(option.bar >= 0 && option.bar <= 100);
            for (std::size_t i = 1; i < option.reasons.size(); ++i)
                QVERIFY(std::abs(option.reasons[i - 1].points) >= std::abs(option.reasons[i].points));
        }
    }
    void flipsAreExactlyTheAnswersThatChangeTheWinner() {
        Answers answers = scenario("brand_voice").answers;
        answers.erase("volume"); // an open question may flip it too
        answers["examples"] = "few";
        const auto advice = advise(answers);
        std::set<std::string> found;
        for (const AnswerFlip& flip : advice->flips)
            found.insert(flip.question + "=" + flip.to);
        std::set<std::string> expected;
        for (const Question& question : decisionRules().questions)
            for (const AnswerChoice& choice : question.choices) {
                Answers changed = answers;
                changed[question.id] = choice.id;
                Approach best = Approach::Prompting;
                for (std::size_t i = 1; i < kApproachCount; ++i)
                    if (sumOf(Approach(i), changed) > sumOf(best, changed))
                        best = Approach(i);
                if (best != advice->winner())
                    expected.insert(question.id + "=" + choice.id);
            }
        QCOMPARE(found, expected);
        QVERIFY(!expected.empty());
    }
    void weightsMoveTheResult() {
        const Answers answers{
            {"task", "answer_documents"}, {"examples", "thousands"}, {"format", "strict"}, {"sources", "required"}};
        QCOMPARE(advise(answers, {{"knowledge", 5}, {"format", 0}, {"data", 0}})->winner(), Approach::PromptingRag);
        QCOMPARE(advise(answers, {{"knowledge", 0}, {"fit", 0}})->winner(), Approach::FineTune);
    }
    void withoutAnswersNothingIsRecommended() {
        const auto advice = advise({});
        QVERIFY(advice && !advice->enoughAnswers && advice->close && !advice->nearest);
        for (const OptionScore& option : advice->options)
            QCOMPARE(option.bar, 50.0);
        QCOMPARE(advice->winner(), Approach::Prompting); // the tie goes to the least effort
        Weights zero;
        for (const Criterion& criterion : decisionRules().criteria)
            zero[criterion.id] = 0;
        QCOMPARE(advise(scenario("code_style").answers, zero)->options[2].bar, 50.0);
    }
    void unknownNamesAreErrorsThatListWhatIsAllowed() {
        const auto question = advise({{"tsk", "style"}});
        QVERIFY(!question && question.error().message.find("\"tsk\"") != std::string::npos &&
                question.error().hint.find("Did you mean task?") != std::string::npos);
        const auto choice = advise({{"format", "strickt"}});
        QVERIFY(!choice && choice.error().hint.find("Did you mean strict?") != std::string::npos &&
                choice.error().hint.find("free, preferred, strict") != std::string::npos);
        QVERIFY(!advise({}, {{"beauty", 1}}));
        QVERIFY(!advise({}, {{"fit", -1}}));
        QVERIFY(!advise({}, {{"fit", std::nan("")}}));
        QVERIFY(!readAdvisorInput(Json::parse("[]")));
        QVERIFY(!readAdvisorInput(Json::parse("{\"task\": 3}")));
        QVERIFY(!readAdvisorInput(Json::parse("{\"weights\": {\"fit\": \"much\"}}")));
        const auto input = readAdvisorInput(Json::parse("{\"task\": \"style\", \"weights\": {\"fit\": 2}}"));
        QVERIFY(input && input->answers.at("task") == "style" && input->weights.at("fit") == 2);
    }
    void factsAnswerQuestionsAndSayWhy() {
        ProjectFacts facts;
        QVERIFY(answersFromFacts(facts).empty());
        facts.rows = 1200, facts.duplicateRows = 300, facts.jsonAnswerShare = 1.0, facts.documents = 12;
        facts.documentTokens = 900, facts.contextTokens = 2048;
        Computer computer;
        computer.cores = 2, computer.memoryBytes = std::int64_t{16} << 30, computer.bf16 = true;
        facts.computer = computer;
        Answers answers;
        for (const FactAnswer& fact : answersFromFacts(facts)) {
            answers[fact.question] = fact.choice;
            QVERIFY(!fact.because.empty());
        }
        QVERIFY(advise(answers).has_value()); // every id exists
        QCOMPARE(answers, (Answers{{"examples", "hundreds"},
                                   {"example_quality", "mixed"},
                                   {"task", "structured"},
                                   {"format", "strict"},
                                   {"knowledge_amount", "page"},
                                   {"hardware", "usual"}}));
    }
    void reportsSayItAllAndEscape() {
        const auto advice = advise(scenario("medical_diagnosis").answers);
        const std::vector<FactAnswer> facts{{"examples", "thousands", "The project holds <1200> rows & more."}};
        const std::string html = adviceHtml(*advice, facts), markdown = adviceMarkdown(*advice, facts);
        for (const std::string* text : {&html, &markdown})
            for (const char* part :
                 {"Fine-tune + RAG", "Prompting + RAG", "Support for medical diagnosis", "12 of 12", "Next steps"})
                QVERIFY2(text->find(part) != std::string::npos, part);
        QVERIFY(html.find("&lt;1200&gt; rows &amp; more") != std::string::npos &&
                html.find("<1200>") == std::string::npos);
        QVERIFY(markdown.find("\\<1200>") != std::string::npos);
        QVERIFY(html.find("http") == std::string::npos); // nothing from the network
        QVERIFY(adviceMarkdown(*advise({})).find("not decided yet") != std::string::npos);
    }
    void theJsonNamesTheSameWinner() {
        const auto advice = advise(scenario("legal_documents").answers);
        const Json json = adviceToJson(*advice);
        QCOMPARE(json["recommendation"].get<std::string>(), std::string("prompting_rag"));
        QCOMPARE(json["options"].size(), kApproachCount);
        QCOMPARE(json["options"][0]["id"], json["recommendation"]);
        QCOMPARE(json["nearest_scenario"]["id"].get<std::string>(), std::string("legal_documents"));
    }
};

ATTUNE_TEST(DecisionMatrixTest)
#include "tst_decision_matrix.moc"
