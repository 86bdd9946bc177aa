#include "tools/starter/grammar/grammar.h"

namespace attune::starter::grammar {

std::string_view everyday() {
    return R"(
@@description
the {place:l} in {town} is a_ {nice} place. {desc_place} {desc_place} {desc_people}
my {relative:r} is a_ {job}. {desc_person} {desc_person} {desc_person_end}
our {animal_small:a} is called {pet_name:n}. {desc_pet} {desc_pet} {desc_pet}
the {room:m} in our house is {size}. {desc_room} {desc_room} {desc_room}
a_ {thing:o} is a_ {useful} thing. mine is {colour}. {desc_thing} {desc_thing}
{season:s} is the time that I like best. {desc_season} {desc_season} {desc_season}
{p} is a_ {job} in {town}. {desc_work} {desc_work} {desc_work}
@useful
useful, simple, small, handy, pretty
@animal_small
cat, dog, rabbit, parrot, turtle, hamster, goat, donkey
@@desc_place
there is a_ {size} {furniture} in front of it, and next to it stands a_ {look} {tree}.
in {season} it is full of {flower#2}, and in {season} it is quiet.
you can get there by {vehicle} from the {place}. it takes {number} minutes.
the door is {colour}, and above it hangs a_ {material} sign.
on {day#1} it opens at {early} and closes at {late}.
behind it there are {number} {tree#2} and a_ {size} pond with [ducks|swans|frogs|geese|fish].
a hundred years ago it was a_ {place}.
@@desc_people
a_ {job} called {p} works there and knows everybody.
people come from far away to see it.
{p} and {q} meet there every {day}.
children like it because of the {animal#2}.
@@desc_person
[he|she] likes {hobby} and {sport}, but [not|never] on a_ {day}.
everyone says that my {r} is very {good}.
my {r} wears a_ {colour} {cloth} and carries a_ {look} {thing}.
every morning at {early} my {r} drinks a cup of {drink} and reads the newspaper.
my {r} lives in {town}, close to the {place}, with {number} {pet#2}.
when I am {sad}, I visit my {r}, and we eat {dish} together.
@@desc_person_end
I hope that I will be like that one day.
we see each other every {day}.
I have learned a lot from my {r}.
in {month} we are going to {town} together.
@@desc_pet
{n} is {colour} and very {good}.
{n} likes to sleep {hid_place}.
when somebody comes, {n} hides {hid_place}.
{n} eats {vegetable#2} and sometimes a piece of {fruit}.
{n} is {number} years old and comes from {town}.
every {day} I go to the {place} with {n}.
once {n} ran away, and {p} found {n} near the {place}.
@@desc_room
there is a_ {colour} {furniture} next to the window.
on the {furniture} there are {number} {thing#2} and a_ {material} {goods}.
the walls are {colour}, and the floor is {colour}.
in the corner stands a_ {look} {furniture} that belonged to my {relative}.
in the evening we sit there, drink {drink} and talk.
from the window you can see the {place}.
@@desc_thing
I bought it at the {place} for {number} euros.
I keep it {hid_place}.
my {relative} gave it to me in {month}.
once I lost it on the {vehicle}, but a_ {job} found it.
it is [older|bigger|heavier|lighter] than the {thing} that {p} has.
@@desc_season
some days are {weather}, and the {tree#2} are {nice}.
{p} and I go {walk_to} and look for {flower#2}.
we drink {drink} and eat {dish}.
the {animal#2} [come back|are busy|hide|can be seen everywhere].
in {month} my {relative} always visits us.
@walk_to
to the river, to the forest, to the lake, to the hills, to the beach
@@desc_work
{p.he} gets up at {early} and goes to work by {vehicle}.
{p.he} needs a_ {tool} and a lot of patience.
{p.his} {relative} was a_ {job} too.
at {time} {p.he} eats {dish} with {q}, who is a_ {job}.
the work is {hard}, but {p.he} likes it.
in the evening {p.he} is tired but {glad}.
people call {p.him} when something is broken.
@hard
hard, not easy, sometimes boring, different every day
@@note
dear {p},^^{note_body} {note_body}^^{note_bye},^{q}
hi {p},^{note_body}^{note_bye}, {q}
{p}, {note_body} {note_bye}. {q}
dear [Mr|Mrs] {surname},^^{note_formal} {note_formal}^^[yours sincerely|kind regards|yours faithfully],^{p} {surname}
@note_bye
see you soon, yours, love, take care, until then, all the best, many greetings
@@note_body
thank you for the {colour} {thing} that you sent me. I keep it on my {furniture}.
I will come to {town} on {day} at {time}. can you meet me at the {place}?
please buy {number} {vegetable#2}, some {drink} and {number} {fruit#2}.
how are you? here it is {weather}, and the {flower#2} are in bloom.
don't forget to feed the {pet} and to water the {flower#2}.
the key is {hid_place}. please close the window in the {room}.
my {relative} has a new job as a_ {job}. we are all very {glad}.
yesterday I saw {animal_a} near the {place}. you would have liked it!
we are having a party on {day} in the {room}. there will be {dish} and {drink}.
I can't come on {day}, because I have to help my {relative}. is {day} all right for you?
I'm sorry that I forgot your birthday. I'll bring you a_ {thing} next week.
@animal_a
a fox, an owl, two swans, a big turtle, three deer, a hedgehog, a wild goose
@@note_formal
thank you for your letter of {month} {number_day}.
I am writing to ask whether the {place} will be open on {day}.
we would like to invite you to the {place} on {day} at {time}.
I am sorry to tell you that the {machine} will not be repaired before {day}.
please find the {paper} in this letter. I would be glad of an answer this week.
the meeting on {day} will take place in the {room} instead of the {room}.
we have received your {paper} and will answer within {number} days.
could you please send me the {paper} again? I cannot find it.
@number_day
2, 3, 5, 7, 9, 11, 12, 14, 16, 18, 21, 23, 27, 30
@paper
invoice, form, contract, list, report, receipt, ticket, plan
@@dialogue
"good [morning|afternoon|evening]," said {p} to {q}. {talk} {talk_after}
{p} met {q} at the {place}. {talk} {talk_after}
{p} and {q} were standing in front of the {place}. {talk}
{talk} {talk_after}
@@talk
"have you seen my {thing:o}?" asked {p}. "it was {hid_place} this morning," {said} {q}. "ask the {job}."
"do you know the way to the {place:l}?" asked {p}. "go straight on and turn [left|right] at the {place}," {said} {q}. "the {l} is next to the {place}."
"how much is this {thing:o}?" asked {p}. "{number} euros," {said} {q}. "but for you I can make it {number}."
"would you like some {dish:d}?" asked {p}. "no, thank you," {said} {q}. "I have just eaten {dish}. but a cup of {drink} would be nice."
"when does the {public:v} to {town:t} leave?" asked {p}. "at {time}," {said} {q}. "the next {v} to {t} comes on {day}."
"what are you doing on {day:d}?" asked {p}. "on {d} I am visiting my {relative} in {town}," {said} {q}. "but I have time on {day}."
"why are you so {sad:s} today?" asked {p}. "I have lost my {colour} {thing:o}," {said} {q}. "I cannot find the {o} anywhere."
"who gave you this {colour} {thing:o}?" asked {p}. "my {relative} gave me the {o} in {month}," {said} {q}.
"can you play the {instrument:i}?" asked {p}. "not the {i}," {said} {q}, "but I can play the {instrument} a little."
"is it true that you are going to be a_ {job:j}?" asked {p}. "yes," {said} {q}. "my {relative} is a_ {j} too."
"what is the name of your {pet:a}?" asked {p}. "my {a} is called {pet_name}," {said} {q}. "it is {number} years old."
"which colour do you like best?" asked {p}. "{colour:c}," {said} {q}. "even my {thing} is {c}."
"where have you been?" asked {p}. "at the {place:l}," {said} {q}. "I saw {number} {animal#2} there."
@@talk_after
{p} thanked {q.him} and went on.
{p} nodded and {moved} to the {place}.
"that is good to know," said {p}.
then they drank a cup of {drink} together.
{q} smiled, and {p} smiled too.
they talked until {late} and then said goodbye.
@@howto
to make {howto_food}, you need {number} {vegetable#2}, some salt and a cup of water. first wash the {vegetable#2}. then cut them into small pieces. cook them for {number} minutes. at the end add a little butter.
to plant a_ {tree}, dig a hole with a_ {tool}. put the young tree into the hole. then fill it with earth and give it plenty of water. in {season} you will see the first leaves.
to clean a_ {material} {goods}, take a soft cloth and warm water. do not use too much soap. let it dry for {number} hours before you put it {hid_place}.
to write a letter, begin with the name of the person. then say why you are writing. keep your sentences short. at the end write your own name.
to find a lost {thing}, first think where you had it last. look {hid_place}. then ask the people around you. most things come back if you are patient.
to wrap a_ {thing}, you need {colour} paper, a pair of scissors and a ribbon. cut the paper so that it is big enough. fold it over the {thing} and tie the ribbon around it.
to get to the {place}, go straight on as far as the {place}. then turn [left|right]. after {number} minutes you will see a_ {colour} house. the {place} is next to it.
@howto_food
vegetable soup, a simple stew, a warm salad, a quick dinner
@@shopping
shopping list^- {number} {fruit#2}^- {number} {vegetable#2}^- a bottle of {drink}^- {dish}
shopping list for {day}:^* bread^* {number} {vegetable#2}^* {fruit#2}^* butter^* {drink}
to do on {day}:^1. call {p}^2. buy a_ {thing}^3. go to the {place} at {time}^4. feed the {pet}
to do this week:^* write to {p}^* clean the {room}^* pay the invoice (urgent!)^* water the {flower#2}
plan for {day}^{time}: {place}^{time}: {sport} with {p}^{time}: dinner ({dish})
things to pack for {town}:^- {cloth}^- {thing}^- {thing} ({colour})^- tickets for the {public}
)";
}

} // namespace attune::starter::grammar
