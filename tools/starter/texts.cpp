// Stories and everyday texts: mostly the grammar's own work; here are only titles and the way paragraphs are put
// together.
#include "tools/starter/writers.h"

namespace attune::starter {

void newPeople(Pen& pen) {
    pen.forget();
    pen.bindPerson("p");
    pen.bindPerson("q");
}

std::string writeStory(Pen& pen) {
    return pen.say("{story}");
}

Document storyText(Pen& pen) {
    newPeople(pen);
    std::string story = writeStory(pen);
    const bool aboutP =
        story.find(pen.word("p")) != std::string::npos && story.find(pen.word("q")) != std::string::npos;
    if (aboutP && pen.chance(0.35)) {
        static const std::vector<std::string> kTitles{
            "{p} and {q}", "A story about {p}", "What {p} did",   "The day of {p} and {q}", "A story for {day}",
            "{p}",         "A small story",     "How {p} met {q}"};
        story = pen.part(pen.pick(kTitles)) + "\n\n" + story;
    } else if (pen.chance(0.25)) {
        newPeople(pen);
        story += "\n\n" + writeStory(pen);
    }
    return {std::move(story), {}};
}

Document everydayText(Pen& pen) {
    static const std::vector<std::string> kKinds{"{description}", "{description}", "{note}",    "{note}",
                                                 "{dialogue}",    "{howto}",       "{shopping}"};
    newPeople(pen);
    const std::string& kind = pen.pick(kKinds);
    std::string text = pen.say(kind);
    const int more = kind == "{dialogue}" || kind == "{shopping}" ? pen.between(1, 3) : pen.between(0, 1);
    for (int i = 0; i < more; ++i) {
        newPeople(pen);
        text += (kind == "{dialogue}" ? "\n" : "\n\n") + pen.say(kind);
    }
    return {std::move(text), {}};
}

} // namespace attune::starter
