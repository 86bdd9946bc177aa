// Requests and answers: lists, opposites, repeating, ordering, naming what a text contains, short stories, polite
// forms.
#include "tools/starter/writers.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace attune::starter {

namespace {

struct Exchange {
    std::string request, answer;
};

struct Group {
    std::string list, plural, one;
};

const std::vector<Group>& groups() {
    static const std::vector<Group> all{{"animal", "animals", "animal"},
                                        {"colour", "colours", "colour"},
                                        {"fruit", "fruits", "fruit"},
                                        {"vegetable", "vegetables", "vegetable"},
                                        {"drink", "drinks", "drink"},
                                        {"furniture", "pieces of furniture", "piece of furniture"},
                                        {"tool", "tools", "tool"},
                                        {"vehicle", "vehicles", "vehicle"},
                                        {"instrument", "instruments", "instrument"},
                                        {"flower", "flowers", "flower"},
                                        {"tree", "trees", "tree"},
                                        {"sport", "sports", "sport"},
                                        {"job", "jobs", "job"},
                                        {"day", "days of the week", "day"},
                                        {"month", "months", "month"},
                                        {"town", "towns", "town"},
                                        {"room", "rooms", "room"},
                                        {"cloth", "clothes", "piece of clothing"},
                                        {"relative", "relatives", "relative"}};
    return all;
}

std::string lines(const std::vector<std::string>& items, const std::string& style) {
    std::string out;
    for (std::size_t i = 0; i < items.size(); ++i)
        out += (i == 0 ? "" : "\n") + (style == "1" ? std::to_string(i + 1) + ". " : style + " ") + items[i];
    return out;
}

std::string someSentence(Pen& pen) {
    static const std::vector<std::string> kSentences{"{p} has a_ {colour} {thing}.",
                                                     "the {animal} is sleeping {hid_place}.",
                                                     "{p} and {q} {moved} to the {place}.",
                                                     "on {day} we eat {dish}.",
                                                     "my {relative} is a_ {job}.",
                                                     "the {public} to {town} leaves at {time}.",
                                                     "{p} bought {number} {fruit#2}.",
                                                     "I like {hobby} in {season}.",
                                                     "it is {weather} today.",
                                                     "{q} gave {p} a_ {look} {thing}.",
                                                     "the {flower#2} in the garden are {colour}.",
                                                     "a_ {good} {job} helped us.",
                                                     "the {room} is {colour}, and the {furniture} is {material}.",
                                                     "{p} plays the {instrument} every {day}."};
    return pen.say(pen.pick(kSentences));
}

Exchange listTask(Pen& pen) {
    const Group& group = pen.pick(groups());
    const int count = pen.between(2, 5);
    const std::vector<std::string> items = pen.different(group.list, static_cast<std::size_t>(count));
    const std::string number = pen.chance(0.6) ? numberWord(count) : std::to_string(count);
    const std::string what = number + " " + (count == 1 ? group.one : group.plural);
    switch (pen.below(3)) {
    case 0:
        return {pen.part("[Make a list of|Write a list of|List] ") + what + ".", lines(items, "-")};
    case 1:
        return {pen.part("[Number|Give me a numbered list of|Write down and number] ") + what + ".", lines(items, "1")};
    default:
        return {pen.part("[Name|Tell me|Give me|Please name] ") + what + ".", capitalised(joinWords(items)) + "."};
    }
}

Exchange oppositeTask(Pen& pen) {
    const Entry& pair = pen.pick(Lexicon::english().list("opposite"));
    const bool swap = pen.chance(0.5);
    const std::string &from = pair[swap], &to = pair[!swap];
    return {pen.part("[Say the opposite of \"" + from + "\".|What is the opposite of " + from + "?|Opposite of " +
                     from + "?|Give the opposite: " + from + "]"),
            pen.say("[" + to + ".|the opposite of " + from + " is " + to + ".|" + to + "]")};
}

Exchange repeatTask(Pen& pen) {
    const std::string sentence = someSentence(pen) + (pen.chance(0.3) ? " " + someSentence(pen) : "");
    switch (pen.below(5)) {
    case 0:
        return {"Write in capital letters: " + sentence, [&] {
                    std::string upper = sentence;
                    std::transform(upper.begin(), upper.end(), upper.begin(),
                                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
                    return upper;
                }()};
    case 1:
        return {"Put the sentence in quotes: " + sentence, "\"" + sentence + "\""};
    default:
        return {pen.part("[Repeat the sentence|Repeat|Say this again|Copy this|Write the same sentence again|Repeat "
                         "after me]: ") +
                    sentence,
                sentence};
    }
}

Exchange findTask(Pen& pen) {
    const Group& group = pen.pick(groups());
    static const std::map<std::string, std::vector<std::string>> kNatural{
        {"animal",
         {"we saw a_ {X} near the {place}.", "{p} drew a_ {X} on the wall.", "the {X} was very {good}.",
          "in the dark a_ {X} was waiting."}},
        {"colour", {"{p}'s {thing} is {X}.", "{p} painted the door {X}.", "there was a_ {X} {thing} on the road."}},
        {"fruit", {"{p} ate a_ {X} for breakfast.", "on the plate there was only a_ {X}."}},
        {"vegetable", {"the soup was made of one {X} and a lot of water.", "{p} cut a_ {X} into small pieces."}},
        {"drink", {"{p} would like some {X}.", "after the walk they had {X}."}},
        {"furniture", {"{p} bought a_ {X} at the market.", "the old {X} came from {p.his} family."}},
        {"tool", {"{p} worked all day with a_ {X}.", "\"may I borrow your {X}?\" asked {p}."}},
        {"vehicle", {"{p} came by {X}.", "they waited for the {X} in the rain."}},
        {"instrument", {"{p} played the {X} all evening.", "we heard somebody play the {X}."}},
        {"flower", {"{p} put a_ {X} in {p.his} hair.", "a_ {X} grew next to the wall."}},
        {"tree", {"{p} sat under a_ {X}.", "the storm broke the old {X}."}},
        {"sport", {"{p} is very good at {X}.", "after school they do {X}."}},
        {"job", {"{p} wants to be a_ {X}.", "the letter came from a_ {X}."}},
        {"day", {"the guests will arrive on {X}.", "we have no time before {X}."}},
        {"month", {"{p}'s birthday is in {X}.", "the house was built in {X}."}},
        {"town", {"the road leads to {X}.", "{p} has a friend in {X}."}},
        {"room", {"{p} slept in the {X}.", "there was a light in the {X}."}},
        {"cloth", {"{p} was looking for a_ {X}.", "the {X} did not fit {p} any more."}},
        {"relative", {"{p} wrote a letter to {p.his} {X}.", "the house belongs to {p}'s {X}."}}};
    const std::string value = pen.part("{" + group.list + "}");
    pen.bind("x", value);
    std::string frame = pen.pick(kNatural.at(group.list));
    std::replace(frame.begin(), frame.end(), 'X', 'x');
    const std::string text = pen.say(frame);
    return {pen.part("[Name the " + group.one + " in the text|Which " + group.one + " is in the text?|Find the " +
                     group.one + "|What " + group.one + " does the text name?]^^") +
                text,
            pen.chance(0.5) ? value : pen.say(value + ".")};
}

Exchange orderTask(Pen& pen) {
    if (pen.chance(0.4)) {
        std::vector<int> numbers;
        while (numbers.size() < 4)
            if (const int n = pen.between(1, 40); std::find(numbers.begin(), numbers.end(), n) == numbers.end())
                numbers.push_back(n);
        numbers.resize(static_cast<std::size_t>(pen.between(3, 4)));
        const auto text = [](const std::vector<int>& from) {
            std::string out;
            for (const int n : from)
                out += (out.empty() ? "" : ", ") + std::to_string(n);
            return out;
        };
        const std::string request =
            pen.part("[Put in order|Sort the numbers|Order these numbers from small to big]: ") + text(numbers);
        std::sort(numbers.begin(), numbers.end());
        return {request, text(numbers)};
    }
    std::vector<std::string> words =
        pen.different(pen.pick(groups()).list, static_cast<std::size_t>(pen.between(3, 4)));
    if (pen.chance(0.5)) {
        const std::string request =
            pen.part("[Say the words in reverse order|Turn the list around|Backwards, please]: ") +
            joinWords(words, ", ");
        std::reverse(words.begin(), words.end());
        return {request, joinWords(words, ", ")};
    }
    const std::string request =
        pen.part("[Put the words in the order of the alphabet|Sort by the alphabet|Put in order]: ") +
        joinWords(words, ", ");
    std::sort(words.begin(), words.end());
    return {request, joinWords(words, ", ")};
}

Exchange storyTask(Pen& pen) {
    std::string about;
    const std::string story = writeStory(pen);
    for (const char* key : {"a", "o", "i", "f", "d", "l"})
        if (about.empty() && pen.chance(0.5)) {
            // only words that this story has bound and really uses
            if (pen.isBound(key) && story.find(pen.word(key)) != std::string::npos)
                about = std::string(key) == "f" ? pen.word(key, 2) : pen.part("a_ ") + pen.word(key);
        }
    if (about.empty() || std::isupper(static_cast<unsigned char>(about.back())) || pen.chance(0.4))
        about = story.find(pen.word("q")) != std::string::npos && pen.chance(0.6)
                    ? pen.word("p") + " and " + pen.word("q")
                    : pen.word("p");
    if (story.find(pen.word("p")) == std::string::npos)
        about = "two animals";
    return {pen.say("[Write a short story about|Tell me a story about|Please write a story about|I would like to read "
                    "a story about] ") +
                finishSentences("x " + about).substr(2) + ".",
            story};
}

Exchange formalTask(Pen& pen) {
    static const std::vector<std::pair<std::string, std::string>> kPairs{
        {"send me the {paper:k} quick", "could you please send me the {k} soon?"},
        {"I want my money back", "I would like to have my money back, please."},
        {"give me the {thing:k}", "could you please give me the {k}?"},
        {"come on {day:k}", "would you be so kind as to come on {k}?"},
        {"be quiet, I'm reading", "would you please be a little quieter? I am reading."},
        {"where's the {place:k}?", "excuse me, could you tell me where the {k} is?"},
        {"can't come on {day:k}, sorry", "I am sorry to tell you that I cannot come on {k}."},
        {"thanks for the {thing:k}", "thank you very much for the {k}."},
        {"the {machine:k} is broken again, fix it", "the {k} is broken again. could you please have it repaired?"},
        {"call me at {time:k}", "I would be glad if you could call me at {k}."},
        {"you forgot the {paper:k}!", "it seems that the {k} was forgotten."},
        {"wait for me at the {place:k}", "could you please wait for me at the {k}?"}};
    const auto& [plain, polite] = pen.pick(kPairs);
    const std::string request =
        pen.part(
            "[Rewrite this formally|Say it politely|Write this in a polite way|Make this sentence more formal]: ") +
        pen.part(plain);
    return {request, pen.say(polite)};
}

Exchange politeTask(Pen& pen) {
    static const std::vector<std::pair<std::string, std::string>> kPairs{
        {"[hello!|hi!|good morning!|hello there.]",
         "[hello! how can I help you?|hello! what can I do for you?|good day! how can I help?]"},
        {"[thank you!|thanks a lot.|thank you for your help.]",
         "[you are welcome.|you are welcome! it was a pleasure.|with pleasure.]"},
        {"[how are you?|how are you today?]",
         "[I am fine, thank you. how are you?|very well, thank you.|I am well, thank you for asking.]"},
        {"[goodbye!|bye!|see you on {day:k}.]", "[goodbye! have a nice day.|goodbye, and all the best.|see you soon!]"},
        {"my name is {p}. what is my name?", "your name is {p}."},
        {"I am {sad:k}. [what can I do?|can you help me?|what do you say?]",
         "I am sorry that you are {k}. [perhaps a walk will help|talk to a friend|drink a cup of {drink} and rest a "
         "little]."},
        {"my {thing:k} is {colour:c}. what colour is my {k}?", "your {k} is {c}."},
        {"I live in {town:k} and like {hobby:c}. where do I live?", "you live in {k}."},
        {"what can I cook with {vegetable:k#2}?",
         "you can make {dish} with {k#2}. cut them into small pieces and cook them for {number} minutes."},
        {"what should I take to the {place:k}?", "for the {k} you can take a_ {thing}, some {drink} and a_ {cloth}."},
        {"what can I do on a {weather:k} {day:d}?",
         "on a {k} {d} you can go to the {place} or stay at home and enjoy {hobby}."},
        {"what does a {job:k} need?", "a {k} needs patience, a_ {tool} and a_ {look} {thing}."}};
    const auto& [request, answer] = pen.pick(kPairs);
    const std::string asked = pen.say(request);
    return {asked, pen.say(answer)};
}

Exchange describeTask(Pen& pen) {
    static const std::vector<std::pair<std::string, std::string>> kPairs{
        {"[Describe|Tell me about|Write about] a {place:l} in {town:t}.",
         "the {l} in {t} is a_ {nice} place. {desc_place} {desc_place} {desc_people}"},
        {"[Describe|Tell me about|Write about] your {relative:r}.", "my {r} is a_ {job}. {desc_person} {desc_person}"},
        {"[Describe|Tell me about|Write about] a pet called {pet_name:n}.",
         "{n} is a_ {size} {pet}. {desc_pet} {desc_pet}"},
        {"[Describe|Tell me about|Write about] the {room:m} of a house.", "the {m} is {size}. {desc_room} {desc_room}"},
        {"[Describe|Tell me about|Write about] the {season:s}.", "{s} is a_ {nice} time. {desc_season} {desc_season}"},
        {"[Describe|Tell me about|Write about] {p}, who works in {town:t}.",
         "{p} is a_ {job} in {t}. {desc_work} {desc_work}"},
        {"[Write a note|Write a short letter|Write a message] from {q} to {p}.",
         "dear {p},^{note_body} {note_body}^{note_bye}, {q}"},
        {"[Write a shopping list|What do we need from the shop?] for {day:k}.",
         "shopping list for {k}:^- {number} {fruit#2}^- {number} {vegetable#2}^- {drink}^- bread"},
        {"[Explain how to|How do I|Tell me how to] get to the {place:k}.",
         "go straight on as far as the {place}. then turn [left|right]. after {number} minutes you will see the {k}."}};
    const auto& [request, answer] = pen.pick(kPairs);
    const std::string asked = pen.say(request);
    return {asked, pen.say(answer)};
}

Exchange countTask(Pen& pen) {
    if (pen.chance(0.5)) {
        const int a = pen.between(1, 12), b = pen.between(1, 8);
        const std::string thing = pen.part("{fruit#2}");
        const bool plus = pen.chance(0.6) || b >= a;
        const int result = plus ? a + b : a - b;
        return {pen.part("{p} has " + std::to_string(a) + " " + thing + (plus ? " and gets " : " and gives away ") +
                         std::to_string(b) + (plus ? " more" : "") + ". How many are there now?"),
                pen.part("{p} has now " + std::to_string(result) + " " + thing + ".")};
    }
    const int count = pen.between(2, 6);
    const std::vector<std::string> words = pen.different(pen.pick(groups()).list, static_cast<std::size_t>(count));
    const std::string list = joinWords(words, ", ");
    switch (pen.below(3)) {
    case 0:
        return {"How many words are in this list? " + list, capitalised(numberWord(count)) + "."};
    case 1:
        return {"What is the first in this list? " + list, words.front()};
    default:
        return {"What is the last in this list? " + list, words.back()};
    }
}

Exchange messageTask(Pen& pen) { // who, when, where in a short note
    static const std::vector<std::string> kNotes{
        "{q} called. {q.he} will come on {day:d} at {time:t} to the {place:l}.",
        "the meeting with {q} is on {day:d} at {time:t}. we meet at the {place:l}.",
        "please tell {p} that {q} waits at the {place:l} on {day:d} at {time:t}.",
        "on {day:d} {q} has time at {time:t}. {p} can find {q.him} at the {place:l}."};
    const std::string note = pen.say(pen.pick(kNotes));
    switch (pen.below(5)) {
    case 0:
        return {"Read the message. Which day is it?\n\n" + note, pen.word("d")};
    case 1:
        return {"Read the message. At what time?\n\n" + note, capitalised("at " + pen.word("t") + ".")};
    case 2:
        return {"Where do they meet?\n\n" + note, capitalised("at the " + pen.word("l") + ".")};
    case 3:
        return {pen.part("[Shorten the message|Write the message as notes|Make notes].^^") + note,
                "Who: " + pen.word("q") + "\nDay: " + pen.word("d") + "\nTime: " + pen.word("t") +
                    "\nPlace: " + pen.word("l")};
    default:
        return {pen.part("[Summarise the message in one sentence|Say it in one sentence|Shorten this].^^") + note,
                pen.say("{q} will be at the {l} on {d} at {t}.")};
    }
}

} // namespace

Document instruction(Pen& pen) {
    using Task = Exchange (*)(Pen&);
    static const std::vector<Task> kTasks{listTask,     listTask,   oppositeTask, repeatTask,   repeatTask,
                                          findTask,     findTask,   orderTask,    storyTask,    storyTask,
                                          storyTask,    formalTask, politeTask,   describeTask, describeTask,
                                          describeTask, countTask,  messageTask,  messageTask,  messageTask};
    Document document;
    if (pen.chance(0.06)) {
        document.messages.push_back(
            {"system", pen.part("[You are a helpful assistant.|You are friendly and answer in short sentences.|You "
                                "help with letters and lists.|Answer simply.]")});
    }
    for (int i = pen.chance(0.5) ? 1 : pen.between(2, 4); i > 0; --i) {
        newPeople(pen);
        const Exchange exchange = pen.pick(kTasks)(pen);
        document.messages.push_back({"user", exchange.request});
        document.messages.push_back({"assistant", exchange.answer});
    }
    return document;
}

} // namespace attune::starter
