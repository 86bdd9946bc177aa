#include "tools/starter/grammar/grammar.h"

namespace attune::starter::grammar {

// p is the hero and q another person (bound by the writer); a story binds the rest when it first names it.
std::string_view stories() {
    return R"(
@@story
{lost_open} {lost_seek} {lost_seek2} {lost_help} {lost_found} {happy_end}
{find_open} {find_care} {find_name} {find_grow} {find_end}
{help_open} {help_ask} {help_do} {help_thanks} {lesson_help}
{make_open} {make_plan} {make_fail} {make_again} {make_done} {happy_end}
{trip_open} {trip_way} {trip_there} {trip_eat} {trip_event} {trip_home}
{race_open} {race_train} {race_day} {race_turn} {race_end}
{gift_open} {gift_search} {gift_idea} {gift_day} {gift_end}
{fable_open} {fable_boast} {fable_trouble} {fable_rescue} {fable_end}
{lost_open} {lost_seek} {lost_help} {lost_found} {lesson_care}
{trip_open} {trip_there} {trip_event} {trip_home}
{cook_open} {cook_do} {cook_trouble} {cook_end}
{garden_open} {garden_work} {garden_wait} {garden_end}
{broken_open} {broken_hide} {broken_tell} {broken_end}
{market_open} {market_buy} {market_talk} {market_end}
{night_open} {night_noise} {night_look} {night_end}
{work_open} {work_problem} {work_try} {work_end}
{new_open} {new_shy} {new_meet} {new_end}
{storm_open} {storm_comes} {storm_inside} {storm_after}
{music_open} {music_hard} {music_friend} {music_end}
{help_open} {help_ask} {help_do} {happy_end}
@@once
one [day|morning|afternoon|evening]
on a_ {weather} {day}
on a_ {weather} [morning|afternoon|evening|day] in {month}
last {day}
one {weather} [morning|afternoon|day]
early one [morning|{season} morning]
in the {season}
once, on a_ {weather} day,
@@intro
{p} lived in a_ {look} house near the {place} in {town}.
there was once a_ {good} {p.kid} called {p} who lived in {town}.
{p} was a_ {good} {p.kid} who loved {hobby}.
in the town of {town} there lived a_ {p.kid} named {p}.
{p} and {p.his} {relative} lived next to the {place}.
{p} was {number} years old and very {good}.
{p} had two [brothers|sisters|cousins] and a_ {pet}.
@@happy_end
from that day on, {p} and {q} were [the best of|very good|close] friends.
{p} went to bed {glad} that [night|evening].
that evening {p} told {p.his} {relative} the whole story.
{p} was very {glad}, and so was {q}.
"what a_ {nice} day," {said} {p}, and {q} [agreed|smiled|nodded|laughed].
they [sat|stood] together in the {room} and [laughed|talked|sang] until it was dark.
{p} [smiled|laughed] all the way home.
and {p} never forgot what {q} had done that day.
then they drank {drink} together and were {glad}.
{p} wrote about it in {p.his} notebook before {p.he} fell asleep.
@@lost_open
{once} {p} could not find {p.his} {colour:c} {thing:o}. it had been a gift from {p.his} {relative:r}.
{intro} {once} {p} lost {p.his} {colour:c} {thing:o} [on the way to|somewhere near|at] the {place}.
{p} had a_ {colour:c} {thing:o} and took it everywhere. but {once} it was gone.
{once} {p} woke up and saw that {p.his} {colour:c} {thing:o} was not there any more.
{p} was {sad}. the {colour:c} {thing:o} that {p.his} {relative:r} had given {p.him} was missing.
"where is my {colour:c} {thing:o}?" asked {p}. nobody in the house knew.
@@lost_seek
{p.he} looked in the {room}, but there was [only|nothing but] a_ {look} {thing}.
first {p.he} searched the {room}, then the {room}. there was no {thing} to be seen anywhere.
{p.he} looked {hid_place} and {hid_place}. it was not there.
{p} {moved} to the {place} and looked [around|everywhere]. all {p.he} found was a_ {colour} {thing}.
{p.he} asked the {job} at the {place}, but the {job} had [seen nothing|not seen it|no idea].
{p.his} {relative} helped {p.him} to look in every corner of the {room}.
"[think|sit down and think] [again|carefully|first]," said {p.his} {relative}. "where did you have it last?"
@@lost_seek2
then {p.he} remembered the {place}. [perhaps|maybe] {p.he} had left it there.
the {pet} watched {p.him} and [slept|waited|yawned] {hid_place}.
after an hour {p} was {sad} and sat down on a_ {look} {furniture}.
outside it was {weather}, and soon it would be dark.
{p} almost [cried|gave up|went home].
{p.he} even looked inside the {furniture} in the {room}, which was full of {thing#2}.
@@lost_help
then {q} came by. "what is the matter?" {q.he} asked. {p} told {q.him} everything.
{q} saw that {p} was {sad}. "I will help you," {q.he} {said} {how}.
just then {q} {moved} past with a_ {look} {thing}. "[let us|we can] look together," said {q}.
{p} called {q}, who lived near the {place}. {q} came {how}.
"two people see more than one," said {q}, and they began to search again.
@@lost_found
they found the {o} {hid_place}. "[here|there] it is!" {said} {q}.
at last {q} looked {hid_place}, and there was the {c} {o}.
in the end the {o} was {hid_place}. {p} [picked it up|held it tight|took it] and thanked {q}.
{q} pointed {how}. the {c} {o} lay {hid_place}, a little dusty but not broken.
a_ {colour} {animal} was sitting on it {hid_place}! they both laughed.
@@lesson_care
after that, {p} always put the {o} [back in its place|in the same drawer|on the same shelf].
"next time I will be more careful," said {p}.
since then {p.he} has never lost anything again.
{p} learned that [good|true|real] friends are worth more than a_ {o}.
@@find_open
{once} {p} found a_ {size} {colour:c} {pet:a} near the {place:l}.
{intro} {once} {p} heard a sad sound {hid_place}. it was a_ {size} {c0} {pet:a}.
on the way to the {place:l}, {p} saw a_ {size} {colour:c} {pet:a} that was all alone.
a_ {size} {pet:a} sat in front of the {place:l} in the rain. {p} stopped and looked at it.
@c0
brown, white, black, grey, golden
@@find_care
it was weak and hungry, so {p} gave it some {drink_milk} and a piece of [bread|cheese|apple|carrot].
its leg was hurt. {p} put a_ {soft} bandage around it.
{p} wrapped it in a_ {colour} {blanket} and carried it home {how}.
{p.his} {relative} said, "[it may stay for one night|we must ask whose {a} it is|we can give it some water first]."
@drink_milk
milk, water
@soft
soft, clean, white, blue
@blanket
blanket, scarf, towel, coat
@@find_name
{p} called it {pet_name:n}, because it was so [small|quick|quiet|funny|brave].
"I will call you {pet_name:n}," said {p}. the {a} seemed to like the name.
{p.his} {relative} named it {pet_name:n}.
they gave it the name {pet_name:n} and made a bed for it {hid_place}.
@pet_name
Pip, Biscuit, Pepper, Button, Star, Coco, Ginger, Shadow, Patch, Bean, Honey, Snowy, Spot, Lucky, Cookie, Rusty, Misty, Dot
@@find_grow
every day {n} [grew|became] a little stronger. soon it could [run|play|jump] in the {room}.
{p} wrote a note and hung it on the door of the {place}. but nobody came to ask for a_ {a}.
{n} slept {hid_place} and followed {p} to the {place} every morning.
{n} liked to play with a_ {colour} {thing} and to sleep on the {furniture}.
@@find_end
a week later, {q} came to the door. "that is my {a}!" {q.he} {said}. {p} was {sad}, but {q} said, "you may visit us every {day}."
in the end {n} stayed with {p}, and they were both {glad}.
and so {n} became part of the family.
one day {q} saw the note and came. {n} ran to {q.him} at once. "thank you for looking after my {a}," said {q}.
now {p} and {n} go for a walk by the {place} every {day}.
@@help_open
{once} {p} saw old [Mr|Mrs] {surname:s} in front of the {place}.
{intro} {once} {p.he} met {q}, who was carrying a_ {look} {thing} and {number} {thing#2}.
next door to {p} lived a_ {adj_old} {job:j} called [Mr|Mrs] {surname:s}.
{once} {p} was on {p.his} way to the {place} when somebody called for help.
@adj_old
old, very old, kind old, tired old
@@help_ask
"could you help me with this {thing}?" asked the old [man|woman]. "it is too heavy for me."
the {furniture} in the {room} was broken, and nobody knew how to mend it.
"my {pet} is sitting in the {tree} and cannot come down," said the neighbour.
the basket had fallen over, and {number} {fruit#2} were rolling down the street.
"I cannot read this letter without my glasses," said the neighbour. "can you read it to me?"
@@help_do
{p} did not think twice. {p.he} [put down|dropped] {p.his} bag and set to work {how}.
{p} fetched a_ {tool} from the {room}. it took an hour, but then everything was in order.
"of course," {said} {p}, and {p.he} worked {how} until it was done.
{p} called {q}, and together they [finished it in no time|did it before lunch|worked until the evening].
{p} climbed up {how}, step by step, while {q} held the {tool}.
@@help_thanks
"you are a very {good} {p.kid}," said the neighbour and gave {p.him} {number} {fruit#2}.
the neighbour was {glad} and made a pot of {drink} for everyone.
"thank you," said the neighbour. "please take this {colour} {thing}. it was mine when I was young."
{p} did not want any money. "a_ {drink_cup} is enough," {p.he} said.
@drink_cup
cup of tea, glass of water, piece of cake, glass of juice, smile
@@lesson_help
since then, {p} has gone there every {day} to help.
helping others made {p} {glad}.
who helps others is never alone, {p} thought on the way home.
the next day the whole street had heard about it.
and when {p} needed help {p.himself}, {q} was there.
@@make_open
{once} {p} wanted to build a_ {material} {made:o}.
{intro} {p.he} dreamed of a_ {material} {made:o} of {p.his} own.
"I am going to make a_ {material} {made:o}," said {p} to {q}.
{p} saw a_ {made:o} in a book and wanted to make one just like it.
@made
boat, kite, bird house, bench, box, bridge, chair, lamp, toy train, puppet, cart, clock, basket, mask, doll's house, flower stand
@@make_plan
{p.he} took a_ {tool}, some {material} parts and a_ {look} {thing} and began to work in the {room}.
first {p.he} drew a plan on paper. then {p.he} fetched a_ {tool} and a_ {tool}.
{p.his} {relative} gave {p.him} {number} nails, some {colour} paint and a_ {tool}.
{p} worked {how} all [morning|afternoon|day] and forgot to eat.
@@make_fail
but the {o} was too [heavy|small|weak|big] and fell apart.
in the evening the {o} looked [crooked|strange|terrible], and {p} was {sad}.
"it does not work," said {p} and [threw down|put away] the {tool}.
the first {o} broke after {number} minutes. the second one was not much better.
@@make_again
{q} looked at it {how}. "you only have to turn this part around," {q.he} said.
"nobody is good at everything at once," said {q}. "try again. I will hold the {tool}."
the next day {p.he} began again, more {how} this time, and {q} helped {p.him}.
{p.he} asked {q}, who was a_ {job}, and {q} showed {p.him} how to do it.
@@make_done
now the {o} was strong and {nice}. they painted it {colour}.
after {number} days the {o} was ready, and it was the best one in {town}.
when it was finished, everybody came to the {place} to see the {o}.
at last the {o} worked. {p} could hardly believe it.
@@trip_open
{once} {p} and {q} went to the {place:l} by {vehicle:v}.
{p} and {q} had planned a trip to the {place:l} for a long time. {once} they took the {vehicle:v}.
{once} the whole class went to the {place:l} in {town}. {p} sat next to {q} on the {vehicle:v}.
"let us go to the {place:l} today," said {p}. {q} was {glad}, and they took the {vehicle:v}.
@@trip_way
on the way they counted {animal#2} and sang songs.
the {vehicle} was full, so they had to stand for {number} minutes.
they passed a_ {size} {place} and a field with {number} {animal#2}.
it was a_ {weather} day, and {p} was glad to have a_ {colour} {cloth}.
the road was long, and {q} fell asleep.
@@trip_there
when they arrived at {time}, the {l} was full of people.
at the {l} they saw a_ {size} {animal}, {number} {animal#2} and a_ {material} {goods}.
the {l} was bigger than {p} had thought. there were {flower#2} everywhere.
{q} liked the {look} {furniture} best, and {p} liked the {colour} {flower#2}.
a friendly {job} showed them around and told them about the old days.
@@trip_eat
at {time} they sat down under a_ {tree} and ate {dish} and {fruit#2}.
{p} had brought {dish}, and {q} had brought {drink} and {number} {fruit#2}.
they were hungry, so they bought some {dish} and a bottle of {drink}.
a_ {animal} came and took a piece of bread out of {q}'s hand.
@@trip_event
suddenly it began to rain, and they ran into a_ {size} {place}.
then {p} saw that {q} was gone. {p.he} found {q.him} near the {place}, feeding the {animal#2}.
{p} bought a_ {colour} {thing} for {p.his} {relative}.
{q} dropped {q.his} {thing} into the water, but a {job} pulled it out again.
there they met {p}'s {relative}, who was just as surprised as they were.
@@trip_home
in the evening they took the last {vehicle} home, tired but {glad}.
"we must come back in {month}," said {q}.
on the way home {p} looked out of the window and thought about the day.
when they came home at {late}, {p.his} {relative} had made {dish}.
at home {p} hung a picture of the {place} over {p.his} {furniture}.
)";
}

} // namespace attune::starter::grammar
