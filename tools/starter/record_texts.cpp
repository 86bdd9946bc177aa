// Small structured texts, so that braces, brackets, quotes, colons, commas, underscores and digits are not strangers to
// the model. They are texts to read (and questions about them are answered in prose): no answer of an assistant is ever
// a record.
#include "tools/starter/writers.h"

#include <algorithm>

namespace attune::starter {

namespace {

struct Field {
    std::string key, value;
    bool number = false;
    std::string sentence; // the same as prose
};

std::vector<Field> drawFields(Pen& pen) {
    const std::string age = std::to_string(pen.between(5, 80)), price = std::to_string(pen.between(1, 99));
    const std::string count = std::to_string(pen.between(2, 30)), room = std::to_string(pen.between(1, 400));
    const std::string town = pen.part("{town}"), colour = pen.part("{colour}"), job = pen.part("{job}"),
                      day = pen.part("{day}");
    const std::string thing = pen.part("{thing}"), pet = pen.part("{pet}"), drink = pen.part("{drink}"),
                      fruit = pen.part("{fruit#2}");
    const std::string sport = pen.part("{sport}"), hobby = pen.part("{hobby}"), place = pen.part("{place}"),
                      note = pen.say("{desc_season}");
    std::vector<Field> fields{{"name", pen.word("p"), false, ""},
                              {"age", age, true, pen.say("{p.he} is ") + age + " years old."},
                              {"town", town, false, pen.say("{p.he} lives in ") + town + "."},
                              {"colour", colour, false, pen.say("the favourite colour of {p} is ") + colour + "."},
                              {"job", job, false, pen.say("{p.he} is a_ " + job + ".")},
                              {"day", day, false, pen.say("{p} comes on ") + day + "."},
                              {"pet", pet, false, pen.say("{p.he} has a_ " + pet + ".")},
                              {"first_drink", drink, false, pen.say("{p.he} likes " + drink + ".")},
                              {"fruit_count", count, true, pen.say("{p} bought " + count + " " + fruit + ".")},
                              {"sport", sport, false, pen.say("{p.his} sport is " + sport + ".")},
                              {"hobby", hobby, false, pen.say("{p} likes " + hobby + ".")},
                              {"meeting_place", place, false, pen.say("we meet {p} at the " + place + ".")},
                              {"lost_thing", thing, false, pen.say("{p} has lost a_ " + thing + ".")},
                              {"price_in_euros", price, true, pen.say("it costs " + price + " euros.")},
                              {"room_number", room, true, pen.say("{p.his} room has the number " + room + ".")},
                              {"note", note, false, pen.say("the note says: ") + note}};
    const Field name = fields.front();
    fields.erase(fields.begin());
    pen.shuffle(fields);
    fields.resize(static_cast<std::size_t>(pen.between(1, 4)));
    fields.insert(fields.begin(), name);
    return fields;
}

std::string braces(Pen& pen, const std::vector<Field>& fields) {
    const bool lines = pen.chance(0.15);
    std::string out = lines ? "{\n" : "{";
    for (std::size_t i = 0; i < fields.size(); ++i) {
        out += i == 0 ? "" : lines ? ",\n" : ", ";
        out += (lines ? "  \"" : "\"") + fields[i].key + "\": ";
        out += fields[i].number ? fields[i].value : "\"" + fields[i].value + "\"";
    }
    return out + (lines ? "\n}" : "}");
}

std::string colonLines(const std::vector<Field>& fields) {
    std::string out;
    for (const Field& field : fields)
        out += (out.empty() ? "" : "\n") + capitalised(field.key) + ": " + field.value;
    return out;
}

std::string prose(Pen& pen, const std::vector<Field>& fields) {
    std::string out = pen.say("[this is {p}.|here is {p}.|the name is {p}.|{p} is a new guest.]");
    for (std::size_t i = 1; i < fields.size(); ++i)
        out += " " + fields[i].sentence;
    return out;
}

std::string table(Pen& pen) {
    const int rows = pen.between(2, 4);
    std::string out = pen.part("[name, colour, number|item, colour, number|what, colour, how_many]");
    for (int i = 0; i < rows; ++i)
        out += "\n" + pen.part("{thing}, {colour}, ") + std::to_string(pen.between(1, 50));
    return out;
}

std::string bracketList(Pen& pen) {
    std::string out;
    for (const std::string& word :
         pen.different(pen.pick(std::vector<std::string>{"fruit", "animal", "thing", "colour", "town"}),
                       static_cast<std::size_t>(pen.between(2, 5))))
        out += (out.empty() ? "[\"" : ", \"") + word + "\"";
    return out + "]";
}

} // namespace

Document recordText(Pen& pen) {
    newPeople(pen);
    const std::vector<Field> fields = drawFields(pen);
    switch (pen.below(7)) {
    case 0:
        return {prose(pen, fields) + pen.part("[^|^As a card:^|^In short: |^Card: ]") + braces(pen, fields), {}};
    case 1:
        return {braces(pen, fields) + "\n" + prose(pen, fields), {}};
    case 2: {
        std::string text;
        for (int i = pen.between(2, 4); i > 0; --i) {
            newPeople(pen);
            text += (text.empty() ? "" : "\n") + braces(pen, drawFields(pen));
        }
        return {text, {}};
    }
    case 3:
        return {colonLines(fields) + "\n\n" + prose(pen, fields), {}};
    case 4:
        return {table(pen), {}};
    case 5:
        return {pen.say("[the list on the wall says|on the card it says|the box has a label|the list of {p}]") + ": " +
                    bracketList(pen) + "\n" + bracketList(pen) + "\n" +
                    pen.say("{p} [read it|counted them|wrote it down] {how}."),
                {}};
    default: {
        const Field& field = fields[1 + pen.below(fields.size() - 1)];
        std::string key = field.key;
        std::replace(key.begin(), key.end(), '_', ' ');
        const std::string card = pen.chance(0.7) ? braces(pen, fields) : colonLines(fields);
        return {{},
                {{"user", card + pen.part("^^[What does the card say about the " + key +
                                          "?|Read the card. What about the " + key + "?|Tell me the " + key + ".]")},
                 {"assistant", field.sentence}}};
    }
    }
}

} // namespace attune::starter
