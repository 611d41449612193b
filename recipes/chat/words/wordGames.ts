/** The words of the games: opposites, rhymes, kinds of things. */
const lines = (text: string) => text.trim().split('\n');

export const opposites: readonly (readonly [string, string])[] = lines(`
hot cold
big small
up down
day night
fast slow
happy sad
old young
light dark
open closed
full empty
wet dry
hard soft
high low
near far
left right
long short
loud quiet
rich poor
strong weak
thick thin
true false
early late
clean dirty
easy difficult
heavy light
inside outside
first last
black white
good bad
yes no
in out
on off
over under
before after
win lose
push pull
give take
begin end
start stop
come go
laugh cry
love hate
buy sell
sink float
asleep awake
brave afraid
sweet sour
rough smooth
sharp blunt
tall short
wide narrow
deep shallow
warm cool
new old
plus minus
add subtract
more less
always never
all none
everything nothing
front back
top bottom
north south
east west
summer winter
friend enemy
remember forget
find lose
arrive leave
alive dead
same different
safe dangerous
straight crooked
tight loose
noisy silent
question answer
`).map((line) => line.split(' ') as [string, string]);

/** Words of a line rhyme. */
export const rhymes: readonly (readonly string[])[] = lines(`
cat hat bat mat rat
dog fog log frog
sun fun run bun
moon spoon noon soon
star car far jar
tree bee sea knee
house mouse
light night right kite
cake lake snake rake
boat goat coat float
ball tall wall fall
king ring sing wing
bed red head bread
rain train plane chain
day play say way
bear chair hair pear
fish dish wish
book cook look hook
box fox socks
bell well shell tell
hill pill mill will
nose rose toes
pan man fan can
pen hen ten men
pig dig wig big
sock rock clock lock
snow go toe bow
song long strong wrong
tail snail whale pail
duck truck luck
hand sand band land
ship chip lip trip
feet sweet meet street
mice ice rice nice
bug mug hug rug
blue shoe two zoo
flower tower shower
stone bone phone
sky fly pie try
low grow slow know
best nest rest west
`).map((line) => line.split(' '));

export const kinds: readonly { readonly plural: string; readonly members: readonly string[] }[] = [
  { plural: 'animals', members: 'cat dog horse cow lion bear fox sheep goat mouse tiger rabbit'.split(' ') },
  { plural: 'fruits', members: 'apple banana cherry grape pear plum peach mango lemon orange'.split(' ') },
  { plural: 'colours', members: 'red blue green yellow purple pink brown black white'.split(' ') },
  { plural: 'numbers', members: 'one two three four five six seven eight nine ten'.split(' ') },
  { plural: 'clothes', members: 'shirt sock hat coat shoe scarf glove dress'.split(' ') },
  { plural: 'things to ride in', members: 'car bus train boat plane truck bicycle'.split(' ') },
  { plural: 'tools', members: 'hammer saw drill shovel rake axe'.split(' ') },
  { plural: 'vegetables', members: 'carrot potato onion cabbage spinach pea bean'.split(' ') },
  { plural: 'furniture', members: 'chair table bed sofa desk shelf'.split(' ') },
  { plural: 'parts of the body', members: 'hand foot nose ear knee arm leg elbow'.split(' ') },
  { plural: 'instruments', members: 'piano violin drum flute guitar trumpet'.split(' ') },
  { plural: 'birds', members: 'owl duck eagle swan crow parrot penguin'.split(' ') },
];
