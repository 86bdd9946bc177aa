// Customers' messages as prose, and talk about them in prose. Never a record: turning a message into one is what the
// sample task teaches, so the base model must not have seen it.
#include "tools/starter/support_domain.h"
#include "tools/starter/writers.h"

namespace attune::starter {

namespace {

struct Letter {
    Case facts;
    std::string text;
    std::string problem; // the sentence that says it
    std::string name;
};

Letter writeLetter(Pen& pen) {
    newPeople(pen);
    const Problem& problem = pen.pick(problems());
    const Product* product = &pen.pick(products());
    while (problem.electricOnly && !product->electric)
        product = &pen.pick(products());
    Letter letter;
    const std::string urgency = kUrgencies[pen.below(3)];
    letter.facts = drawCase(pen, problem, *product, urgency);
    letter.name = pen.word("p");
    letter.problem = pen.say("{" + problem.list + "}");
    std::vector<std::string> middle{letter.problem};
    const bool cue = urgency != "medium" || pen.chance(0.75);
    for (int i = pen.between(0, 2); i > 0; --i)
        middle.insert(middle.begin() + static_cast<std::ptrdiff_t>(pen.below(middle.size() + 1)), pen.say("{sp_chat}"));
    if (pen.chance(0.25))
        middle.push_back(pen.say("{sp_side}"));
    if (cue)
        middle.insert(middle.begin() + static_cast<std::ptrdiff_t>(pen.chance(0.7) ? middle.size() : 0),
                      pen.say("{sp_" + urgency + "}"));
    std::string body;
    for (const std::string& sentence : middle)
        body += (body.empty() ? "" : " ") + sentence;
    letter.text =
        pen.part("[Dear Sir or Madam,^|Hello,^|Good morning,^|Dear team,^|Hi,^|To the customer service:^||]") + body +
        pen.part("[^Yours sincerely,^{p} {surname}|^Kind regards, {p}|^{p} {surname}, {town}|^Best wishes^{p}|^Thank "
                 "you, {p}||]");
    return letter;
}

std::string aboutCategory(Pen& pen, const Case& facts) {
    const std::string& category = facts.problem->category;
    pen.bind("k", facts.product->name);
    if (category == "delivery")
        return pen.say(
            "[it is about the delivery of a_ {k}.|the message is about a delivery.|about the delivery of the {k}.]");
    if (category == "refund")
        return pen.say("[it is about a refund for a_ {k}.|the customer wants money back. it is about a refund.|the "
                       "message is about a refund.]");
    if (category == "defect")
        return pen.say("[it is about a defect of the {k}.|the message is about a defect. the {k} is not in "
                       "order.|about a defect.]");
    if (category == "billing")
        return pen.say("[it is about the billing of a_ {k}.|the message is about billing.|it is about a payment, so it "
                       "is a matter of billing.]");
    if (category == "account")
        return pen.say(
            "[it is about the customer's account.|the message is about an account.|about an account on the website.]");
    if (category == "wrong item")
        return pen.say("[it is about a wrong item.|the customer received the wrong item.|the message is about a wrong "
                       "item in the parcel.]");
    return pen.say(
        "[it is a question about a_ {k}.|the customer has a question about the {k}.|the message is a question.]");
}

std::string howUrgent(Pen& pen, const std::string& urgency) {
    if (urgency == "high")
        return pen.say("[it is very urgent.|the urgency is high.|very urgent. the customer needs help at once.|the "
                       "urgency of this message is high.]");
    if (urgency == "low")
        return pen.say("[it is not urgent.|the urgency is low.|not urgent at all. it can wait.|the urgency of this "
                       "message is low.]");
    return pen.say("[it is a little urgent.|the urgency is medium.|it should be answered this week.|the urgency of "
                   "this message is medium.]");
}

} // namespace

Document customerLetter(Pen& pen) {
    const Letter letter = writeLetter(pen);
    std::string text = letter.text;
    if (pen.chance(0.35))
        text += "\n\n" +
                pen.say("Dear {p},^thank you for your message. [we are sorry to hear this.|we understand your wish.|we "
                        "have read it carefully.] ") +
                letter.facts.summary + " " +
                pen.say("[we will look into it today.|please send us your order number.|a colleague will call you on "
                        "{day}.|you will hear from us within {number} days.|"
                        "we will take care of it and write to you again.]^[Kind regards,|Yours sincerely,]^{q} "
                        "{surname}, customer service");
    return {std::move(text), {}};
}

Document customerTalk(Pen& pen) {
    const Letter letter = writeLetter(pen);
    const Case& facts = letter.facts;
    std::vector<Turn> asked;
    const auto ask = [&](const char* questions, std::string answer) {
        asked.push_back({pen.part(questions), std::move(answer)});
    };
    pen.bind("k", facts.product->name);
    const int kind = pen.between(0, 9);
    ask("[What is this message about?|What is the message about?|Say what this letter is about.|What does the customer "
        "write about?]",
        aboutCategory(pen, facts));
    if (pen.chance(0.3))
        ask("[Which category is it?|What is the category of this message?|Name the category.]",
            pen.say("[the category is " + facts.problem->category + ".|" + facts.problem->category + "]"));
    ask("[How urgent is it?|How urgent is this message?|Is it urgent?|Can it wait?]", howUrgent(pen, facts.urgency));
    ask("[Which product is it about?|Which product does the customer write about?|Name the product with the "
        "problem.|What is the product?]",
        pen.say("[the {k}.|it is about the {k}.|the product is the {k}.|{k}]"));
    ask("[Summarise the message in one sentence.|What is the summary of this message?|Shorten the message to one "
        "sentence.|Write a short summary.|In one sentence: what has happened?]",
        facts.summary);
    if (kind < 2)
        ask("[Which sentence tells the problem?|Copy the sentence with the problem.]", letter.problem);
    if (kind == 2 && letter.text.find(letter.name) != std::string::npos)
        ask("[Who wrote this?|What is the name of the customer?]",
            pen.say("[{p}.|{p} wrote it.|the customer is called {p}.]"));
    if (kind == 3)
        ask("[Write a polite answer.|Answer the customer politely.]",
            pen.say("[thank you for your message.|dear customer, thank you for writing to us.] ") + facts.summary +
                " " +
                pen.say("[we are sorry for the trouble and will help you soon.|we will look into it and write to you "
                        "again.|we will take care of it [today|this week|on {day}].]"));
    pen.shuffle(asked);
    asked.resize(static_cast<std::size_t>(pen.between(1, static_cast<int>(asked.size()))));
    Document document;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        std::string content = asked[i].role;
        if (i == 0)
            content = pen.chance(0.7) ? content + "\n\n" + letter.text : letter.text + "\n\n" + content;
        document.messages.push_back({"user", content});
        document.messages.push_back({"assistant", asked[i].content});
    }
    if (pen.chance(0.08))
        document.messages.insert(document.messages.begin(),
                                 {"system", pen.part("[You help with letters.|You work for a shop and answer in short "
                                                     "sentences.|You are a helpful assistant.]")});
    return document;
}

} // namespace attune::starter
