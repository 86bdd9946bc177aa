#include "tools/starter/grammar/grammar.h"

namespace attune::starter::grammar {

std::string_view moreStories() {
    return R"(
@@race_open
every {season} there was a {sport:s} [contest|day|cup] in {town:t}. this year {p} wanted to take part.
{intro} {p.he} also loved {sport:s}. {once} {p.he} read that there would be a {s} contest in {town:t}.
"you will never win at {sport:s}," said {q} to {p}. but {p} only smiled.
@@race_train
{p} practised every {day} at the {place}, even when it was {weather}.
each morning before school, {p.he} trained for {number} [hours|weeks] near the {place}.
{p.his} {relative} helped {p.him} and made {dish} for {p.him} every evening.
at first it was hard, and {p} was often {sad}. but {p.he} did not give up.
@@race_day
on the great day {p} was {sad} and could not eat any breakfast.
{number} [children|people] took part. {q} wore a_ {colour} {cloth} and looked very strong.
the whole town had come to the {place}. even the {job} had closed the shop.
the {job} blew a whistle, and it began.
@@race_turn
in the middle {q} fell and hurt {q.his} [knee|foot|hand]. {p} stopped and helped {q.him} up.
{p} was far behind, but then {q} grew tired.
{p} remembered what {p.his} {relative} had said: slow and steady.
nobody had thought that {p} could do it. but {p.he} [went on|worked on|kept on] {how}.
@@race_end
in the end {p} came second, and {p.his} {relative} was very proud of {p.him}.
{p} won, and the {job} gave {p.him} a_ {colour} {thing}.
{p} did not win, but everyone [cheered|clapped] for {p.him}. "you were the {adj_best} of all," said {q}.
{q} won by a very small lead. "next year it is your turn," {q.he} said to {p}.
@adj_best
bravest, kindest, best, fairest
@@gift_open
{q}'s birthday was on {day:d}, and {p} had no gift yet.
{p} wanted to surprise {q} on {day:d}. but what could {p.he} give {q.him}?
in {month} {p}'s {relative} had a birthday. {p} asked {q} for advice. {day:d} was not far away.
@@gift_search
{p.he} went to the {place}, but everything there was too [big|dear|old|heavy].
in the shop there was a_ {colour} {thing} for {number} euros. {p} had only {number} coins.
{p.he} looked at a_ {material} {goods} and a_ {look} {thing}, but nothing was right.
{p.he} thought of a_ {thing}, a_ {thing} and even a_ {pet}.
@@gift_idea
then {p} had an idea. {p.he} would [make|paint|write|bake] something {p.himself}.
"the best gifts do not cost anything," said {p.his} {relative}.
at home {p.he} found {number} {colour} {thing#2} and began to make something of them.
in the evening {p} sat in the {room} and worked {how} until {late}.
@@gift_day
on {d} all the guests came. there was {dish}, {drink} and a cake with {number} candles.
when {q} opened the {colour} box, everybody was quiet.
{p} was {sad}, because the other gifts were so big and shiny.
on {d} {p} wrapped it in {colour} paper and {moved} to the {place}.
@@gift_end
"this is the best gift of all," said {q}, "because you made it yourself."
{q} was so {glad} that {q.he} put it on the {furniture} at once.
everyone laughed and sang, and {p} was {glad}.
years later it was still standing in {q}'s {room}.
@@fable_open
in a_ {size} forest there lived a_ {bad:b} {animal:a} and a_ {good:g} {animal:e}.
long ago a_ {bad:b} {animal:a} met a_ {good:g} {animal:e} by the river.
a_ {size} {animal:e} lived under an old {tree}. its neighbour was a_ {bad:b} {animal:a}, and nobody liked the {a} much.
@@fable_boast
"I am the [strongest|fastest|cleverest] in the whole forest," said the {a}. "[nobody|no one] is as good as I am."
every day the {a} laughed at the {e}. "you are so [small|slow|weak]," it said.
the {a} took all the {fruit#2} for itself and gave nothing to the {e}.
the {e} shared its {fruit#2} with everyone, but the {a} never said thank you.
@@fable_trouble
one {weather} day the {a} fell into a deep hole and could not get out.
then the winter came, and the {a} had nothing left to eat.
one day the {a} got its [foot|tail|head] stuck in a fence. it called and called, but nobody came.
one night there was a fire in the forest, and the {a} did not know where to go.
@@fable_rescue
the {e} heard it and came {how}. "wait, I will help you," it said and [fetched|brought] a long branch.
only the {e} stopped. it called the {animal#2}, and together they pulled the {a} out.
"why should I help you?" asked the {e}. but it was {good}, and so it helped.
the {e} knew a way along the river and led the {a} to a safe place.
@@fable_end
"I am sorry," said the {a}. "I was {b}, and you were {good}." since then they have been friends.
the {a} never laughed at anyone again. [a good heart is worth more than strength|small friends can be great friends|kindness costs nothing|pride comes before a fall].
from then on, the {a} shared everything with the {e}.
the {a} was ashamed. it learned that even the smallest friend can help.
@@cook_open
{once} {p} and {q} wanted to make {dish:d} for {p.his} {relative}.
{p} had never cooked {dish:d} before. "it cannot be so hard," {p.he} said to {q}.
{q}, a_ {job}, came to dinner at {time}, and {p} decided to cook {dish:d}.
@@cook_do
first they washed {number} {vegetable#2} and cut them into pieces. then they put them into a_ {size} pot.
{p} read the recipe {how}: {number} {vegetable#2}, some salt, a little butter and a cup of water.
{q} peeled the {vegetable#2} while {p} heated the oven.
they needed {number} eggs, but there were only two left, so {q} {moved} to the shop.
@@cook_trouble
but {p} took the sugar instead of the salt.
then the telephone rang, and nobody looked at the pot. soon there was smoke in the {room}.
the {pet} jumped on the table and ate half of it.
"it smells a little strange," {said} {q}.
@@cook_end
in the end they ate bread and {fruit#2}, and everybody laughed.
they opened the window and began again. this time the {d} tasted {nice}.
"it is not perfect," said {q}, "but it is the best {d} I have had this year."
the {d} was ready at {time}, and there was nothing left at the end.
@@garden_open
behind {p}'s house there was a_ {size} garden where nothing grew.
{once} {q} gave {p} {number} seeds in a paper bag. nobody knew what would grow from them.
{p} wanted to have {flower#2:f} in front of the house. {q} had a_ {look} {tool} and came to help.
@@garden_work
in {month} {p.he} dug the ground with a_ {tool} and planted the seeds in a row.
{p} and {q} carried away {number} stones and pulled out the weeds.
every evening {p} watered the ground with a_ {colour} can.
they planted {vegetable#2} on the left and {flower#2} on the right.
@@garden_wait
for {number} weeks nothing happened, and {p} was {sad}. "you have to be patient," said {q}.
then a_ {animal} came and ate the first leaves. {p} built a_ {material} fence.
it did not rain for a long time, so they had to bring water from the {place}.
one {weather} morning there was something green to see.
@@garden_end
in {season} there were {vegetable#2} and {flower#2} everywhere, and {p} gave some to all the neighbours.
one {flower} grew as high as the roof. people came from {town} to look at it.
"good things need time," said {q}, and {p} knew that it was true.
{p} picked {number} {flower#2} and put them on the {furniture} in the {room}.
@@broken_open
{once} {p} played with a ball in the {room}, although it was not allowed. the ball hit a_ {colour:c} {glass:o}.
{intro} {once} {p.he} dropped the {colour:c} {glass:o} that belonged to {q}.
{p} had borrowed a_ {colour:c} {glass:o} from {q}. on the way home it fell down and broke.
@glass
vase, cup, plate, mirror, lamp, bowl, jug, clock, picture frame, teapot
@@broken_hide
{p} was {sad} and hid the pieces {hid_place}.
"nobody has seen it," thought {p} and closed the door of the {room}.
at first {p} wanted to say that the {pet} had done it.
all day long {p} could think of nothing but the {o}.
@@broken_tell
but at {time} {p.he} went to {q} and told {q.him} the truth. "I broke your {o}. I am very sorry."
then {q} asked, "have you seen my {c} {o}?" {p}'s face turned red, and {p.he} told {q.him} everything.
that night {p} could not sleep. in the morning {p.he} {moved} to {q} and said, "it was me."
@@broken_end
{q} was quiet for a moment. "thank you for being honest," {q.he} {said}. they mended the {o} together with glue.
{p} worked in {q}'s garden for {number} days to pay for a new one.
"a_ {o} can be replaced," said {q}. "a friend cannot."
{q} was not angry at all. "I never liked that {o}," {q.he} said and laughed.
@@market_open
every {day:d} there is a market in {town}. {p} goes there with a_ {colour} basket.
{once} {p}'s {relative} sent {p.him} to the market to buy {number} {fruit#2} and some {vegetable#2}.
{p} had {number} coins and a long list. {p.he} {moved} to the market near the {place}.
@@market_buy
"how much are the {fruit#2}?" asked {p}. "{number} for two euros," said the {job}.
{p.he} bought {number} {vegetable#2}, {number} {fruit#2} and a bag of {vegetable#2}.
the {fruit#2} were too sour, so {p.he} took the {fruit#2} instead.
there was a_ {job} who sold {colour} {thing#2} and {look} {thing#2}.
@@market_talk
at the next table {p} met {q}, who was selling {flower#2}. they talked about the {weather} weather.
"have you heard the news?" asked {q}. "the {place} will be open again in {month}."
{q} gave {p} a_ {fruit} for free. "because you are always so {good}," {q.he} said.
@@market_end
when {p.he} came home, {p.he} saw that {p.he} had forgotten the [bread|eggs|milk|salt|butter].
the basket was heavy, but {p} was {glad}.
at home {p.he} made {dish} with the fresh {vegetable#2}.
{p} had one coin left and gave it to a man who was playing the {instrument}.
@@night_open
{p} lay in bed and could not sleep. it was a_ {weather} night in {month}.
late one evening {p} was alone in the house. {p.his} {relative} was still at the {place}.
{p} and {q} were sleeping in a tent near the {place}.
@@night_noise
suddenly there was a noise in the {room}. it sounded like [steps|a whisper|somebody knocking|a chair falling over].
"did you hear that?" {p} whispered. there it was again, a little louder.
something [scratched|knocked|tapped] at the door, once, twice, {number} times.
the wind was loud, but this was something else.
@@night_look
{p} took a_ {look} torch and {moved} {how} to the {room}.
{p.his} heart beat fast. {p.he} counted to {number} and opened the door.
{p.he} called {q}, and they went to look together.
"who is there?" {p} asked. nobody answered.
@@night_end
it was only a_ {size} {animal} that was looking for something to eat.
the window was open, and the wind had thrown down a_ {thing}. {p} laughed and went back to bed.
it was {q}, who had lost {q.his} key. "I am sorry that I woke you," {q.he} said.
a_ {animal} was sitting {hid_place} and looked just as {sad} as {p}.
@@work_open
{p} is a_ {job:j} in {town}. {p.he} has worked at the {place} for {number} years.
{q} and {p} work together in an office near the {place}. {p} was once a_ {job:j}.
{once} {p}, the {job:j}, came to work at {early} and saw that something was wrong.
@@work_problem
the {machine:m} had stopped, and {number} people were waiting.
a letter from [Mr|Mrs] {surname} lay on the desk. the order had not arrived, and the customer was angry.
there was too much to do, and {q} was ill.
a customer had called {number} times because of a broken {machine:m}.
@machine
printer, computer, lift, heating, telephone, coffee machine, washing machine, oven, clock, door
@@work_try
{p} stayed calm. {p.he} wrote a list and began with the most [urgent|important|simple] thing.
{p.he} called a_ {job}, but nobody could come before {day}.
"let me see," said {q}. "I had the same problem in {month}."
{p} read the instructions {how} from the first page to the last.
@@work_end
it was only a loose cable. ten minutes later everything worked again.
in the evening the customer called and said thank you.
at {time} it was done, and {p} and {q} drank a cup of {drink} together.
"without you we would still be waiting," {said} {q}.
@@new_open
{p} had moved from {town} to {town:t} with {p.his} family. everything was new.
it was {p}'s first day at the new school in {town:t}.
{once} {p} and {p.his} family moved into a_ {look} house in {town:t}.
@@new_shy
{p} was {sad} and did not know anybody.
at lunch {p} sat alone under the {tree} and read a book about {animal#2}.
nobody spoke to {p.him} at first. {p.he} looked at {p.his} shoes.
{p} thought of {p.his} old friends and the {place} where they had played.
@@new_meet
then {q} came and asked, "do you like {hobby}?" {p} nodded. "me too," said {q}.
{q} had dropped {number} {thing#2}, and {p} helped {q.him} to pick them up.
"would you like a_ {fruit}?" asked {q} and sat down next to {p}.
their {pet#2} met first: they ran around the {place} like old friends.
@@new_end
after that they walked to school together every morning.
in the afternoon {q} showed {p} the {place}, the {place} and the best shop for ice cream.
soon {p} felt at home in {t}.
"I am glad that you came to {t}," said {q}.
@@storm_open
{once} the sky over {town} turned dark. {p} and {q} were at the {place}.
it had been a_ {weather} day, but now there were [black|grey|heavy] clouds over the {place}.
"there will be a storm tonight," said the {job}. {p} and {q} looked at the sky.
@@storm_comes
then the wind came. it blew {number} {thing#2} across the street and tore a branch from the old {tree}.
thunder rolled over the hills, and the rain was so strong that they could not see the road.
{q} ran to bring in the {animal#2}, and {p} closed all the windows.
the lights went out in the whole street.
@@storm_inside
they sat in the {room}, lit a candle and told each other stories.
{p} found {number} candles {hid_place}, and {q} made hot {drink}.
the {pet} hid {hid_place} and did not come out.
they played cards until {late} and listened to the rain.
@@storm_after
in the morning the sun was shining. a_ {tree} had fallen on the road, but nobody was hurt.
the next day all the neighbours came with {tool#2} to clear the street.
when it was over, there was a rainbow above the {place}.
"the air smells so fresh," said {q} the next morning.
@@music_open
{p} wanted to learn to play the {instrument:i}. {p.his} {relative} had an old one in the attic.
{once} {p} heard {q} play the {instrument:i} at the {place}. "I want to play like that," {p.he} said.
for {p.his} birthday {p} got a_ {look} {instrument:i}.
@@music_hard
the first notes sounded like a tired {animal}. even the {pet} left the {room}.
{p} practised every evening, and the neighbours closed their windows.
after {number} weeks {p} wanted to give up. {p.his} fingers hurt.
the songs were too difficult, and {p} was {sad}.
@@music_friend
{q} listened and said, "play it more {how}. do not hurry."
"show me your hands," said {q}, who was a_ {job}. "you are holding it the wrong way."
{q} came every {day} and played with {p.him}, and soon it was more fun.
@@music_end
in {month} {p} played in front of {number} people at the {place}. everybody clapped.
now {p} and {q} play together every {day}.
"I knew that you could do it," {said} {q}.
one evening the neighbours opened their windows again to listen.
)";
}

} // namespace attune::starter::grammar
