/** What stories may be about, by kind: plots differ for creatures, people and things. */
const words = (text: string) => text.trim().split(/,\s*/);

export const creatures = words(
  'fox, bear, dragon, cat, dog, owl, rabbit, mouse, frog, duck, bird, fish, lion, tiger, elephant, monkey, turtle, ' +
    'snail, bee, butterfly, ant, spider, horse, cow, pig, sheep, goat, hen, rooster, chick, kitten, puppy, bunny, ' +
    'squirrel, hedgehog, deer, wolf, whale, dolphin, shark, octopus, crab, penguin, seal, swan, goose, parrot, crow, ' +
    'eagle, giraffe, zebra, hippo, rhino, camel, kangaroo, koala, panda, sloth, otter, beaver, badger, mole, bat, ' +
    'lizard, snake, crocodile, dinosaur, unicorn, monster, ghost, robot, worm, caterpillar, ladybug, firefly, ' +
    'donkey, pony, llama, peacock, flamingo, hamster, lamb, calf, cricket, beetle, starfish, jellyfish, mermaid, ' +
    'giant, troll, fairy, elf, goblin, raccoon, moose, ostrich, walrus, pigeon, sparrow, toad, tadpole',
);

export const people = words(
  'king, queen, prince, princess, knight, wizard, witch, pirate, farmer, baker, sailor, teacher, doctor, painter, ' +
    'gardener, cook, clown, magician, dancer, singer, astronaut, boy, girl, baby, grandmother, grandfather, boatman, ' +
    'shepherd, tailor, fisherman, postman, policeman, fireman, soldier, hunter, explorer, inventor, carpenter, ' +
    'shoemaker, miller',
);

export const things = words(
  'boat, train, car, ball, kite, star, moon, cloud, tree, flower, stone, lamp, clock, book, hat, shoe, sock, ' +
    'spoon, cup, pot, drum, bell, key, door, house, chair, pencil, balloon, bicycle, truck, bus, plane, rocket, ' +
    'toy, doll, button, umbrella, candle, leaf, apple, pumpkin, snowman, puddle, river, mountain, castle, bridge, ' +
    'blanket, pillow, mirror, violin, flute, piano, teapot, cake, cookie, sandwich, carrot, potato, tomato, seed, ' +
    'feather, shell, pebble, snowflake, raindrop, rainbow, lighthouse, windmill, scarf, mitten, basket, bucket, ' +
    'ladder, wheel, tractor, ship, sled, swing, tent, map, letter, coin, ring, crown, sword, lantern, broom',
);

/** In no training talk: shows whether the model names what it was not trained to name. */
export const heldSubjects = words(
  'yak, lobster, gnome, barber, wagon, acorn, hammock, kettle, anchor, weasel, plumber, scooter, walnut, ferret, ' +
    'heron, thimble, tuba, gecko, orchid, cactus',
);

export const subjects: readonly string[] = [...creatures, ...people, ...things];

export const colours = words(
  'red, blue, green, yellow, orange, purple, pink, black, white, brown, grey, gold, silver, turquoise, violet',
);
export const foods = words(
  'pizza, soup, bread, rice, pasta, cake, ice cream, chocolate, apples, bananas, cheese, pancakes, noodles, ' +
    'strawberries, cookies, carrots, potatoes, sushi, curry, salad, tomatoes, cherries, honey, popcorn, dumplings, ' +
    'tacos, waffles, beans, grapes, mango',
);
export const seasons = words('spring, summer, autumn, winter');
export const hobbies = words(
  'drawing, reading, swimming, running, dancing, singing, football, tennis, chess, cooking, gardening, painting, ' +
    'cycling, climbing, fishing, sewing, baking, hiking, skating, basketball',
);
export const cities = words(
  'London, Paris, Rome, Berlin, Madrid, Lisbon, Vienna, Prague, Oslo, Athens, Dublin, Cairo, Lagos, Nairobi, Tokyo, ' +
    'Seoul, Delhi, Mumbai, Sydney, Toronto, Boston, Chicago, Lima, Bogota, Warsaw, Zurich, Milan, Hamburg, Leeds, ' +
    'Bristol, Kyoto, Hanoi, Manila, Jakarta, Tunis, Accra, Havana, Denver, Seattle, Austin',
);
export const pets = words('cat, dog, rabbit, hamster, fish, bird, turtle, pony, mouse, parrot');
export const relatives = words(
  'brother, sister, friend, best friend, mother, father, teacher, uncle, aunt, neighbour, boss, son, daughter, ' +
    'cousin, doctor, grandmother',
);
