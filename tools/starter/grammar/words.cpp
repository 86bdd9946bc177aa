#include "tools/starter/grammar/grammar.h"

namespace attune::starter::grammar {

std::string_view words() {
    return R"(
@woman_name
Anna, Mary, Lucy, Emma, Sara, Nina, Ella, Clara, Rosa, Alice, Julia, Maria, Olive, Ruth, Grace, Hannah, Ivy, Laura, Mia, Nora
Paula, Sofia, Tina, Vera, Wendy, Zoe, Amy, Bella, Carol, Diana, Elsa, Fiona, Helen, Irene, Jane, Kate, Lily, Molly, Naomi, Pearl
Rita, Susan, Tara, Una, Violet, Linda, Eva, Daisy, Martha, Joan, Leila, Priya, Yuki, Amina, Ines, Greta, Freya, Holly, Iris, Dora
@man_name
Tom, John, Peter, Sam, Max, Leo, Ben, David, Paul, Mark, Jack, Oscar, Henry, Felix, Hugo, Ian, Kevin, Luke, Martin, Nick
Adam, Robert, Simon, Theo, Victor, Will, Alan, Bruno, Carl, Daniel, Eric, Frank, George, Harry, Ivan, Jacob, Karl, Liam, Noah, Owen
Philip, Ray, Steven, Tim, Walter, Oliver, Anton, Omar, Ravi, Kenji, Ali, Pablo, Arthur, Edgar, Fred, Gus, Joel, Milo, Ned, Ralph
@surname
Miller, Baker, Cooper, Hill, Green, Wood, Stone, Field, Brook, Carter, Fisher, Hunter, Mason, Parker, Porter, Turner, Walker, Ward
West, White, Brown, Gray, Young, Long, Short, Lane, Marsh, Moore, North, Page, Price, Reed, Rose, Shaw, Sharp, Snow, Swan, Wells
@town
Millbrook, Ashford, Redhill, Greenfield, Oakham, Stonebridge, Riverton, Lakeside, Westbury, Fairview, Brookdale, Elmwood, Northgate
Seaton, Harwick, Maple Hill, Thornby, Winfield, Coldwater, Kingsley
@animal
cat/cats, dog/dogs, rabbit/rabbits, horse/horses, cow/cows, goat/goats, duck/ducks, mouse/mice, fox/foxes, owl/owls, bear/bears
frog/frogs, hen/hens, pig/pigs, squirrel/squirrels, hedgehog/hedgehogs, turtle/turtles, donkey/donkeys, goose/geese, crow/crows
wolf/wolves, lion/lions, tiger/tigers, monkey/monkeys, elephant/elephants, bee/bees, deer/deer, otter/otters, parrot/parrots
camel/camels, swan/swans, badger/badgers, beaver/beavers, snail/snails, lizard/lizards, penguin/penguins, seal/seals, sparrow/sparrows
@pet
cat/cats, dog/dogs, rabbit/rabbits, kitten/kittens, puppy/puppies, parrot/parrots, hamster/hamsters, turtle/turtles, pony/ponies
@colour
red, blue, green, yellow, white, black, brown, grey, orange, pink, purple, silver, golden
@fruit
apple/apples, pear/pears, plum/plums, cherry/cherries, orange/oranges, lemon/lemons, banana/bananas, peach/peaches, grape/grapes
melon/melons, fig/figs, mango/mangoes, strawberry/strawberries, apricot/apricots, lime/limes
@vegetable
carrot/carrots, potato/potatoes, onion/onions, tomato/tomatoes, bean/beans, cabbage/cabbages, leek/leeks, pumpkin/pumpkins
cucumber/cucumbers, turnip/turnips, mushroom/mushrooms, pepper/peppers, radish/radishes
@dish
soup, stew, rice, pasta, pie, bread, salad, fish, porridge, omelette, curry, sandwiches, pancakes, noodles, roast chicken, toast
@drink
tea, coffee, milk, water, juice, lemonade, cocoa, apple juice, mint tea
@furniture
table/tables, chair/chairs, bed/beds, sofa/sofas, shelf/shelves, desk/desks, cupboard/cupboards, bench/benches, stool/stools
wardrobe/wardrobes, drawer/drawers, armchair/armchairs
@room
kitchen, garden, bedroom, bathroom, living room, garage, cellar, attic, hall, office, dining room, workshop
@place
park, market, library, school, station, river, forest, beach, bridge, bakery, museum, harbour, church, farm, hospital, post office
lake, playground, town hall, bus stop, cafe, theatre, castle, hill, old mill, village square, swimming pool, zoo, bookshop, garden centre
@thing
ball/balls, book/books, key/keys, hat/hats, coat/coats, bag/bags, cup/cups, box/boxes, kite/kites, bell/bells, basket/baskets
pencil/pencils, map/maps, letter/letters, scarf/scarves, ring/rings, coin/coins, spoon/spoons, clock/clocks, umbrella/umbrellas
bottle/bottles, candle/candles, drum/drums, doll/dolls, rope/ropes, glove/gloves, brush/brushes, mirror/mirrors, notebook/notebooks
picture/pictures, button/buttons, ticket/tickets, watch/watches, wallet/wallets, blanket/blankets, whistle/whistles, toy car/toy cars
camera/cameras, purse/purses, flute/flutes, torch/torches, shoe/shoes, plate/plates, stone/stones, feather/feathers, shell/shells
@cloth
shirt/shirts, coat/coats, hat/hats, scarf/scarves, dress/dresses, jacket/jackets, sweater/sweaters, cap/caps, skirt/skirts
@tool
hammer/hammers, saw/saws, ladder/ladders, spade/spades, rake/rakes, brush/brushes, knife/knives, needle/needles, bucket/buckets
screwdriver/screwdrivers, axe/axes, drill/drills
@vehicle
bus/buses, train/trains, car/cars, boat/boats, bicycle/bicycles, tram/trams, ferry/ferries, van/vans, truck/trucks
@instrument
piano/pianos, guitar/guitars, violin/violins, flute/flutes, drum/drums, trumpet/trumpets, harp/harps, cello/cellos
@flower
rose/roses, tulip/tulips, daisy/daisies, lily/lilies, sunflower/sunflowers, poppy/poppies, violet/violets, daffodil/daffodils
@tree
oak/oaks, pine/pines, birch/birches, willow/willows, maple/maples, apple tree/apple trees, elm/elms, chestnut/chestnuts
@sport
football, tennis, swimming, running, basketball, chess, cycling, hockey, skating, rowing, volleyball
@subject
history, music, art, science, geography, mathematics, English, French, biology
@job
teacher/teachers, doctor/doctors, baker/bakers, farmer/farmers, nurse/nurses, driver/drivers, painter/painters, carpenter/carpenters
gardener/gardeners, cook/cooks, tailor/tailors, sailor/sailors, shopkeeper/shopkeepers, librarian/librarians, plumber/plumbers
builder/builders, messenger/messengers, waiter/waiters, engineer/engineers, singer/singers, dentist/dentists, clerk/clerks, pilot/pilots
@relative
mother, father, sister, brother, aunt, uncle, grandmother, grandfather, cousin
@day
Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday
@month
January, February, March, April, May, June, July, August, September, October, November, December
@season
spring, summer, autumn, winter
@weather
sunny, rainy, windy, cloudy, cold, warm, foggy, hot, mild, stormy, frosty, dry, bright, wet
@size
small, big, tiny, huge, little, large
@material
wooden, glass, paper, leather, metal, stone, clay, silk, cotton, plastic, wool, tin
@good
kind, clever, brave, honest, patient, gentle, cheerful, careful, polite, friendly, generous, helpful, wise, calm, loyal
@bad
lazy, proud, greedy, rude, careless, jealous, grumpy, selfish, impatient, stubborn, noisy, vain
@glad
happy, glad, proud, pleased, cheerful, delighted, thankful, relieved, excited
@sad
sad, worried, tired, upset, unhappy, afraid, nervous, disappointed
@nice
lovely, pretty, beautiful, fine, wonderful, pleasant, charming, splendid
@look
old, new, shiny, dusty, clean, dirty, pretty, plain, strange, little, simple, fine, odd, huge, rare, lovely
@how
slowly, quickly, quietly, carefully, happily, calmly, eagerly, gladly, patiently, gently
@moved
walked, ran, hurried, went, strolled, cycled, rushed, wandered
@said
said, answered, replied, whispered, called
@hobby
painting, reading, singing, dancing, cooking, fishing, knitting, gardening, swimming, drawing, hiking, baking, sewing, skating
@number
two, three, four, five, six, seven, eight, nine, ten, twelve
@time
one o'clock, two o'clock, three o'clock, four o'clock, five o'clock, six o'clock, seven o'clock, eight o'clock, nine o'clock
ten o'clock, eleven o'clock, noon, half past eight, half past three, half past six
@mood
sad, worried, tired, upset, lonely, nervous, angry, bored, hungry, happy, glad, proud, pleased, cheerful, excited, ill, busy
@early
five o'clock, six o'clock, half past six, seven o'clock, half past seven, eight o'clock
@late
six o'clock, half past six, seven o'clock, eight o'clock, nine o'clock
@public
bus, train, tram, ferry
@goods
box/boxes, bowl/bowls, cup/cups, plate/plates, ring/rings, lamp/lamps, table/tables, doll/dolls, bell/bells, button/buttons, spoon/spoons, chair/chairs, clock/clocks, toy/toys, vase/vases, frame/frames, basket/baskets, horse/horses
@opposite
hot/cold, big/small, fast/slow, old/new, happy/sad, up/down, open/closed, light/dark, early/late, hard/soft, wet/dry, full/empty
rich/poor, strong/weak, near/far, high/low, long/short, loud/quiet, clean/dirty, good/bad, first/last, thick/thin, sweet/sour
left/right, day/night, inside/outside, easy/difficult, young/old, brave/afraid, true/false, push/pull, begin/end, buy/sell, win/lose
give/take, laugh/cry, love/hate, before/after, above/below, always/never, summer/winter, tall/short, wide/narrow, heavy/light
cheap/expensive, polite/rude, careful/careless, awake/asleep, same/different, north/south, east/west, question/answer, friend/enemy
@hid_place
under the {furniture}
behind the {furniture}
on the {furniture}
next to the {furniture}
in the [old|wooden|blue|green|big] box in the {room}
under a pile of [clothes|papers|leaves|books|blankets]
at the bottom of the [garden|stairs|bag|basket]
behind the [door|curtain|clock|flower pots|bread bin]
in the pocket of [an old|a grey|a brown|a long] coat
between two [books|cushions|boxes|chairs]
under the [big|old|tall] {tree}
)";
}

} // namespace attune::starter::grammar
